import { Hono } from "hono";
import { isEngramError } from "../../crypto/errors.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import type { Clock } from "../../node/runtime/clock.ts";
import { traceRequests } from "../../node/runtime/http-traces.ts";
import type { Logger } from "../../node/runtime/logger.ts";
import type { ChainCheck } from "./chain-check.ts";
import type { CosignatureDesk } from "./cosignature-desk.ts";
import type { FeedStreams } from "./feed-stream.ts";
import type { GatewayMetrics } from "./gateway-metrics.ts";
import type { GatewayStore } from "./gateway-store.ts";
import { AddressLimiter, type RateLimit } from "./rate-limit.ts";
import type { Readers } from "./readers.ts";
import { readingRoutes } from "./reading-routes.ts";
import { GatewayRefusal, send } from "./refusal.ts";
import { MAX_COSIGNATURE_BYTES, MAX_SUBMISSION_BYTES, readSubmissionBody } from "./submission-body.ts";
import type { SubmissionDesk } from "./submission-desk.ts";
import { type WebhookRoutes, webhookRoutes } from "./webhook-routes.ts";

export interface GatewayAppDeps {
  readonly hotkey: Hotkey;
  /** Where others reach this gateway, without path: bound payments sign it. */
  readonly origin: string;
  readonly netuid: number;
  readonly store: GatewayStore;
  readonly desk: SubmissionDesk;
  readonly cosignatures: CosignatureDesk;
  readonly streams: FeedStreams;
  readonly chain: ChainCheck;
  readonly readers: Readers;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: GatewayMetrics;
  readonly rateLimit: RateLimit;
  readonly webhooks: Pick<WebhookRoutes, "secrets" | "loopback" | "onAdded">;
  /** What a submission costs and in what; null when it is free. */
  readonly price: object | null;
}

/** `peer` is missing when the app is called in process. */
type Bindings = { readonly peer?: string };
export type GatewayApp = Hono<{ Bindings: Bindings }>;

/** The gateway's routes: submissions, receipts, the feed (spec 14.0, 14.7). */
export function createGatewayApp(deps: GatewayAppDeps): GatewayApp {
  const { store, desk, cosignatures, streams, chain, readers, clock, log, metrics } = deps;
  const limiter = new AddressLimiter(deps.rateLimit);
  const app: GatewayApp = new Hono();

  app.use(traceRequests());
  app.use(async ({ env }, next) => {
    const peer = (env as Bindings | undefined)?.peer;
    const wait = peer === undefined ? 0 : limiter.take(peer, clock.now());
    if (wait > 0) throw new GatewayRefusal("too_many", "too many requests; wait and send it again", wait);
    await next();
  });

  app.post("/relay", async ({ req }) => {
    const began = performance.now();
    const reader = await readers.of(null);
    const wire = await readSubmissionBody(req.raw);
    metrics.arrived(Buffer.byteLength(wire));
    const answer = await desk.submit(wire, req.raw.headers, reader);
    metrics.answered(answer, (performance.now() - began) / 1_000);
    return send(answer);
  });
  app.post("/relay/:hash/cosign", async ({ req }) => {
    const text = await readSubmissionBody(req.raw, MAX_COSIGNATURE_BYTES);
    return send(await cosignatures.add(req.param("hash").toLowerCase(), text));
  });
  app.route("/", readingRoutes({ store, streams, chain, readers }));
  app.route("/", webhookRoutes({ store, readers, ...deps.webhooks }));
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
  app.get("/openapi.json", async () => {
    // Made at the first question.
    const { gatewayOpenApi } = await import("./gateway-openapi.ts");
    return send({ status: 200, headers: {}, body: gatewayOpenApi(deps.origin) });
  });
  app.get("/health", async () => {
    const [{ head, finalized }, receipts] = await Promise.all([chain.state(), store.call("lastSeq", null)]);
    const body = { status: "ok", hotkey: deps.hotkey, block: head.number, finalized: finalized.number, receipts };
    return send({ status: 200, headers: {}, body });
  });
  app.notFound(() => send({ status: 404, headers: {}, body: { error: "not_found", message: "no such route" } }));
  app.onError((error) => {
    const refusal = refusalOf(error, log);
    metrics.refused(refusal.code);
    return send(refusal.answer());
  });
  return app;
}

function refusalOf(error: unknown, log: Logger): GatewayRefusal {
  if (error instanceof GatewayRefusal) return error;
  const code = isEngramError(error) ? error.code : "UNEXPECTED";
  log.error({ code }, "a request failed");
  return new GatewayRefusal("unavailable", "the gateway cannot answer now; send the same again", 5);
}
