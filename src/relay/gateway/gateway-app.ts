import { Hono } from "hono";
import { isEngramError } from "../../crypto/errors.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import type { Clock } from "../../node/runtime/clock.ts";
import type { Logger } from "../../node/runtime/logger.ts";
import type { ChainCheck } from "./chain-check.ts";
import { FEED_NOTICE, feedItems, readFeedQuery, readPageQuery } from "./feed.ts";
import { type FeedStreams, STREAM_HEADERS } from "./feed-stream.ts";
import type { GatewayStore } from "./gateway-store.ts";
import { AddressLimiter, type RateLimit } from "./rate-limit.ts";
import { type Answer, GatewayRefusal } from "./refusal.ts";
import { isAtLeast, type StoredSubmission } from "./submission.ts";
import { MAX_SUBMISSION_BYTES, readSubmissionBody } from "./submission-body.ts";
import type { SubmissionDesk } from "./submission-desk.ts";

export interface GatewayAppDeps {
  readonly hotkey: Hotkey;
  /** Where others reach this gateway, without path: bound payments sign it. */
  readonly origin: string;
  readonly netuid: number;
  readonly store: GatewayStore;
  readonly desk: SubmissionDesk;
  readonly streams: FeedStreams;
  readonly chain: ChainCheck;
  readonly clock: Clock;
  readonly log: Logger;
  readonly rateLimit: RateLimit;
  /** What a submission costs and in what; null when it is free. */
  readonly price: object | null;
}

/** `peer` is missing when the app is called in process. */
type Bindings = { readonly peer?: string };
export type GatewayApp = Hono<{ Bindings: Bindings }>;

/** The gateway's routes: submissions, receipts, the feed (spec 14.0, 14.7). */
export function createGatewayApp(deps: GatewayAppDeps): GatewayApp {
  const { store, desk, streams, chain, clock, log } = deps;
  const limiter = new AddressLimiter(deps.rateLimit);
  const app: GatewayApp = new Hono();

  app.use(async ({ env }, next) => {
    const peer = (env as Bindings | undefined)?.peer;
    const wait = peer === undefined ? 0 : limiter.take(peer, clock.now());
    if (wait > 0) throw new GatewayRefusal("too_many", "too many requests; wait and send it again", wait);
    await next();
  });

  app.post("/relay", async ({ req }) => send(await desk.submit(await readSubmissionBody(req.raw), req.raw.headers)));
  app.get("/relay/:hash", async ({ req }) => {
    const found = await store.call("submissions", { signedHash: req.param("hash").toLowerCase() });
    // One body may have been accepted as its payer's and, later, as its author's: each item has its own receipt.
    const wanted = req.query("assurance");
    const shown = wanted === undefined ? found : found.filter(({ assurance }) => assurance === wanted);
    return send({ status: 200, headers: {}, body: statusOf(shown) });
  });
  app.get("/v1/external-intelligence", async ({ req }) => {
    const query = readFeedQuery(req.query());
    const items = feedItems(await store.call("feed", query));
    const next = items.at(-1)?.seq ?? query.after ?? 0;
    return send({ status: 200, headers: {}, body: { notice: FEED_NOTICE, external_intelligence: items, next } });
  });
  app.get("/v1/external-intelligence/stream", async ({ req }) => {
    const last = req.header("last-event-id");
    // A browser that reconnects repeats its first query: the event it saw last counts more.
    const query = readFeedQuery(last === undefined ? req.query() : { ...req.query(), since: last });
    // The answer to HEAD has no body, so that nobody would ever end its stream.
    return req.raw.method === "HEAD" ? new Response(null, { headers: STREAM_HEADERS }) : streams.open(query);
  });
  app.get("/v1/receipts", async ({ req }) => {
    const { after, limit } = readPageQuery(req.query());
    const receipts = await store.call("receipts", { after, limit });
    return send({ status: 200, headers: {}, body: { receipts, next: receipts.at(-1)?.gateway_seq ?? after } });
  });
  app.get("/v1/conflicts", async ({ req }) => {
    const { after, limit } = readPageQuery(req.query());
    const conflicts = await store.call("conflicts", { after, limit });
    return send({ status: 200, headers: {}, body: { conflicts, next: conflicts.at(-1)?.number ?? after } });
  });
  app.get("/v1/gateway", async () => {
    const { identity, head, finalized } = await chain.state();
    const { hotkey, origin, netuid, price } = deps;
    const limits = { max_body_bytes: MAX_SUBMISSION_BYTES };
    return send({
      status: 200,
      headers: {},
      body: { hotkey, origin, chain: identity, netuid, head, finalized, price, limits },
    });
  });
  app.get("/health", async () => {
    const [{ head, finalized }, receipts] = await Promise.all([chain.state(), store.call("lastSeq", null)]);
    const body = { status: "ok", hotkey: deps.hotkey, block: head.number, finalized: finalized.number, receipts };
    return send({ status: 200, headers: {}, body });
  });
  app.notFound(() => send({ status: 404, headers: {}, body: { error: "not_found", message: "no such route" } }));
  app.onError((error) => send(answerTo(error, log)));
  return app;
}

function send({ status, headers, body }: Answer): Response {
  return Response.json(body, { status, headers: { "cache-control": "no-store", ...headers } });
}

/** What is known of a submission: the best that was accepted, else what it still lacks. */
function statusOf(found: readonly StoredSubmission[]) {
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
    receipt,
    received_at_ms: receivedAt,
    signatures,
    late_signatures: lateSignatures,
    /** The body as it was sent, for those who check its hashes themselves: untrusted. */
    submission: receipt === null ? null : wire,
  };
}

function answerTo(error: unknown, log: Logger): Answer {
  if (error instanceof GatewayRefusal) return error.answer();
  const code = isEngramError(error) ? error.code : "UNEXPECTED";
  log.error({ code }, "a request failed");
  return new GatewayRefusal("unavailable", "the gateway cannot answer now; send the same again", 5).answer();
}
