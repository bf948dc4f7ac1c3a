import { type Context, Hono } from "hono";
import type { Logger } from "../runtime/logger.ts";
import { admitAddress, type Peer } from "./admission.ts";
import type { MinerDeps, MinerOptions } from "./miner-options.ts";
import { createMinerServices, type MinerServices } from "./miner-services.ts";
import { jsonResponse, type Reply, replyToError } from "./reply.ts";
import { challengeRoute } from "./routes/challenge.ts";
import { commitmentRoute, proveRoute } from "./routes/commitment.ts";
import { ingestRoute } from "./routes/ingest.ts";
import { keyShareRetrieveRoute, keyShareStoreRoute } from "./routes/key-shares.ts";
import { listRoute } from "./routes/list.ts";
import { queryRoute } from "./routes/query.ts";
import { deleteRoute, retrieveRoute } from "./routes/record.ts";
import { healthRoute, statsRoute } from "./routes/status.ts";

interface RouteContext {
  readonly peer: Peer;
  readonly logger: Logger;
  /** The `{cid}` of the path, decoded; empty on other routes. */
  readonly cid: string;
}

/** One route: from a request to its reply. */
export type Route = (services: MinerServices, request: Request, context: RouteContext) => Promise<Reply>;

/** `peer` is missing when the app is called in process. */
type Bindings = { readonly peer?: string };
type AppContext = Context<{ Bindings: Bindings }>;
export type MinerApp = Hono<{ Bindings: Bindings }>;

/**
 * The miner's routes (spec 8), the same over TCP and in process: call `fetch(request, { peer })` for a request that came
 * over a socket, `fetch(request)` for one of the own process.
 */
export function createMinerApp(options: MinerOptions, deps: MinerDeps): MinerApp {
  const { logger } = deps;
  const services = createMinerServices(options, deps);
  const app: MinerApp = new Hono();
  const handle = (route: Route) => async (context: AppContext) => {
    const peer = peerOf(context);
    const cid = context.req.param("cid") ?? "";
    return jsonResponse(await route(services, context.req.raw, { peer, logger, cid }));
  };
  app.use(async (context, next) => {
    admitAddress(services, peerOf(context));
    await next();
  });
  app.post("/IngestSynapse", handle(ingestRoute));
  app.post("/QuerySynapse", handle(queryRoute));
  app.post("/ChallengeSynapse", handle(challengeRoute));
  app.post("/KeyShareSynapse", handle(keyShareStoreRoute));
  app.post("/KeyShareRetrieve", handle(keyShareRetrieveRoute));
  app.post("/list", handle(listRoute));
  app.get("/commitment", handle(commitmentRoute));
  app.post("/prove-memory", handle(proveRoute));
  app.get("/retrieve/:cid", handle(retrieveRoute));
  app.delete("/retrieve/:cid", handle(deleteRoute));
  app.get("/health", handle(healthRoute));
  app.get("/stats", handle(statsRoute));
  for (const { path } of [...app.routes]) {
    if (path !== "/*") app.all(path, () => plainResponse(405, "405: Method Not Allowed"));
  }
  app.notFound(() => plainResponse(404, "404: Not Found"));
  app.onError((error) => jsonResponse(replyToError(error, logger)));
  return app;
}

function peerOf(context: AppContext): Peer {
  // `env` itself is missing when `fetch` is given a request alone.
  return (context.env as Bindings | undefined)?.peer ?? null;
}

/** As the reference answers unknown paths and wrong methods (spec 7). */
function plainResponse(status: number, text: string): Response {
  return new Response(text, { status, headers: { "content-type": "text/plain; charset=utf-8" } });
}
