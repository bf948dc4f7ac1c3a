import { Hono } from "hono";
import { type Receipt, withoutPayment } from "../receipt.ts";
import type { ChainCheck } from "./chain-check.ts";
import { FEED_NOTICE, feedItems, readFeedQuery, readPageQuery } from "./feed.ts";
import { type FeedStreams, STREAM_HEADERS } from "./feed-stream.ts";
import type { GatewayStore } from "./gateway-store.ts";
import { type Reader, type Readers, requireScope } from "./readers.ts";
import { GatewayRefusal, send } from "./refusal.ts";
import { isAtLeast, type StoredSubmission } from "./submission.ts";

export interface ReadingDeps {
  readonly store: GatewayStore;
  readonly streams: FeedStreams;
  readonly chain: ChainCheck;
  readonly readers: Readers;
}

/** What readers ask for (spec 14.7): items and what proves them, the chain of receipts, who signs it. */
export function readingRoutes({ store, streams, chain, readers }: ReadingDeps): Hono {
  const app = new Hono();
  const readerOf = (request: Request) => readers.of(request.headers.get("authorization"));
  const ok = (body: unknown) => send({ status: 200, headers: {}, body });

  app.get("/relay/:hash", async ({ req }) => {
    const reader = await readerOf(req.raw);
    const found = await store.call("submissions", { signedHash: req.param("hash").toLowerCase() });
    // One body may have been accepted as its payer's and, later, as its author's: each item has its own receipt.
    const wanted = req.query("assurance");
    const shown = wanted === undefined ? found : found.filter(({ assurance }) => assurance === wanted);
    return ok(statusOf(shown, reader));
  });
  app.get("/v1/external-intelligence", async ({ req }) => {
    const reader = await readerOf(req.raw);
    requireScope(reader, "feed");
    const query = readFeedQuery(req.query());
    const items = feedItems(await store.call("feed", query), reader);
    const next = items.at(-1)?.seq ?? query.after ?? 0;
    return ok({ notice: FEED_NOTICE, external_intelligence: items, next });
  });
  app.get("/v1/external-intelligence/stream", async ({ req }) => {
    const reader = await readerOf(req.raw);
    requireScope(reader, "feed");
    const last = req.header("last-event-id");
    // A browser that reconnects repeats its first query: the event it saw last counts more.
    const query = readFeedQuery(last === undefined ? req.query() : { ...req.query(), since: last });
    // The answer to HEAD has no body, so that nobody would ever end its stream.
    return req.raw.method === "HEAD" ? new Response(null, { headers: STREAM_HEADERS }) : streams.open(query, reader);
  });
  app.get("/v1/receipts", async ({ req }) => {
    const reader = await readerOf(req.raw);
    requireScope(reader, "receipts");
    const { after, limit } = readPageQuery(req.query());
    const receipts = (await store.call("receipts", { after, limit })).map((receipt) => receiptFor(reader, receipt));
    return ok({ receipts, next: receipts.at(-1)?.gateway_seq ?? after });
  });
  app.get("/v1/checkpoint", async ({ req }) => {
    requireScope(await readerOf(req.raw), "receipts", "feed");
    const { identity } = await chain.state();
    return ok(await store.call("checkpoint", { chain: identity }));
  });
  app.get("/v1/successions", async ({ req }) => {
    requireScope(await readerOf(req.raw), "receipts", "feed");
    return ok({ successions: await store.call("successions", null) });
  });
  app.get("/v1/conflicts", async ({ req }) => {
    requireScope(await readerOf(req.raw), "receipts");
    const { after, limit } = readPageQuery(req.query());
    const conflicts = await store.call("conflicts", { after, limit });
    return ok({ conflicts, next: conflicts.at(-1)?.number ?? after });
  });
  return app;
}

function receiptFor(reader: Reader, receipt: Receipt): Receipt {
  return reader.has("payers") ? receipt : withoutPayment(receipt);
}

/** What is known of a submission: the best that was accepted, else what it still lacks. */
function statusOf(found: readonly StoredSubmission[], reader: Reader) {
  const [best] = [...found].sort((left, right) => {
    if ((left.receipt === null) !== (right.receipt === null)) return left.receipt === null ? 1 : -1;
    return isAtLeast(left.assurance, right.assurance) ? -1 : 1;
  });
  if (!best) throw new GatewayRefusal("unknown_submission", "nothing is known of it; send it with POST /relay");
  const { state, signedHash, receipt, assurance, votes, signatures, lateSignatures, wire, receivedAt } = best;
  return {
    // One that is being paid for has not been: the same payment, sent again, completes it.
    status: state === "settling" ? "payment_due" : state,
    signed_hash: signedHash,
    assurance,
    quorum: votes,
    receipt: receipt && receiptFor(reader, receipt),
    received_at_ms: receivedAt,
    signatures,
    late_signatures: lateSignatures,
    /** The body as it was sent, for those who check its hashes themselves: untrusted. */
    submission: receipt === null || !reader.has("feed") ? null : wire,
  };
}
