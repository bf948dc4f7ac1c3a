import { type Context, Hono } from "hono";
import { traceRequest } from "../runtime/http-traces.ts";
import type { Logger } from "../runtime/logger.ts";
import { admitAddress, type Peer } from "./admission.ts";
import type { MinerDeps, MinerOptions } from "./miner-options.ts";
import { createMinerServices, type MinerServices } from "./miner-services.ts";
import { jsonResponse, type Reply, replyToError } from "./reply.ts";
import { archiveRoute } from "./routes/archive.ts";
import { attestationRoute, attestRoute } from "./routes/attestation.ts";
import { challengeRoute } from "./routes/challenge.ts";
import { commitmentRoute, proveRoute } from "./routes/commitment.ts";
import { ingestRoute } from "./routes/ingest.ts";
import { keyShareRetrieveRoute, keyShareStoreRoute } from "./routes/key-shares.ts";
import { listRoute } from "./routes/list.ts";
import { metagraphRoute } from "./routes/metagraph.ts";
import { metricsRoute } from "./routes/metrics.ts";
import { namespaceAdminRoute } from "./routes/namespace-admin.ts";
import { namespaceOwnerRoute } from "./routes/namespace-owner.ts";
import { openApiRoute } from "./routes/openapi.ts";
import { queryRoute } from "./routes/query.ts";
import { deleteRoute, retrieveRoute } from "./routes/record.ts";
import { repairRoute } from "./routes/repair.ts";
import { namespaceGrantsRoute, namespaceLetterRoute } from "./routes/shared-namespace.ts";
import { healthRoute, statsRoute } from "./routes/status.ts";
import { walletRoute, walletsRoute } from "./routes/wallet-stats.ts";

export interface RouteContext {
  readonly peer: Peer;
  readonly logger: Logger;
  /** The variable of the path (a CID, namespace or hotkey), decoded; empty on other routes. */
  readonly variable: string;
  /** Came over the operator's own listener. */
  readonly admin: boolean;
  /** Came over TLS, here or at a trusted proxy. */
  readonly secure: boolean;
}

/** One route: from a request to its reply. */
export type Route = (services: MinerServices, request: Request, context: RouteContext) => Promise<Reply>;

/** `peer` is missing when the app is called in process. */
type Bindings = { readonly peer?: string; readonly admin?: boolean; readonly secure?: boolean };
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
  const answer = async (route: Route, context: AppContext) => {
    const began = performance.now();
    try {
      const reply = await route(services, context.req.raw, contextOf(context, logger));
      services.metrics.countRequest(context.req.routePath, reply, performance.now() - began);
      return jsonResponse(reply);
    } catch (error) {
      return jsonResponse(replyToError(error, logger));
    }
  };
  // No middleware: one more of them costs every request some microseconds.
  const handle = (route: Route) => (context: AppContext) => traceRequest(context, () => answer(route, context));
  app.use(async (context, next) => {
    const { peer } = bindingsOf(context);
    admitAddress(services, peer ?? null);
    const leave = services.atOnce.enter(peer ?? null);
    await next().finally(leave);
  });
  app.post("/IngestSynapse", handle(ingestRoute));
  app.post("/QuerySynapse", handle(queryRoute));
  app.post("/ChallengeSynapse", handle(challengeRoute));
  app.post("/KeyShareSynapse", handle(keyShareStoreRoute));
  app.post("/KeyShareRetrieve", handle(keyShareRetrieveRoute));
  if (services.archive) app.post("/ArchiveSynapse", handle(archiveRoute));
  app.post("/list", handle(listRoute));
  app.get("/commitment", handle(commitmentRoute));
  app.post("/prove-memory", handle(proveRoute));
  app.get("/retrieve/:cid", handle(retrieveRoute));
  app.delete("/retrieve/:cid", handle(deleteRoute));
  app.post("/RepairSynapse", handle(repairRoute));
  app.post("/AttestNamespace", handle(attestRoute));
  app.get("/attestation/:namespace", handle(attestationRoute));
  app.post("/NamespaceOwner", handle(namespaceOwnerRoute));
  app.post("/NamespaceGrants", handle(namespaceGrantsRoute));
  app.post("/NamespaceLetter", handle(namespaceLetterRoute));
  app.get("/health", handle(healthRoute));
  app.get("/stats", handle(statsRoute));
  app.get("/metagraph", handle(metagraphRoute));
  app.get("/openapi.json", handle(openApiRoute));
  app.post("/namespace", handle(namespaceAdminRoute));
  app.get("/metrics", handle(metricsRoute));
  app.get("/wallet-stats", handle(walletsRoute));
  app.get("/wallet-stats/:hotkey", handle(walletRoute));
  for (const { path } of [...app.routes]) {
    if (path !== "/*") app.all(path, () => plainResponse(405, "405: Method Not Allowed"));
  }
  app.notFound(() => plainResponse(404, "404: Not Found"));
  app.onError((error) => jsonResponse(replyToError(error, logger)));
  return app;
}

function contextOf(context: AppContext, logger: Logger): RouteContext {
  const { peer = null, admin = false, secure = false } = bindingsOf(context);
  const [variable = ""] = Object.values(context.req.param());
  return { peer, logger, variable, admin, secure };
}

function bindingsOf(context: AppContext): Bindings {
  // `env` itself is missing when `fetch` is given a request alone.
  return (context.env as Bindings | undefined) ?? {};
}

/** As the reference answers unknown paths and wrong methods (spec 7). */
function plainResponse(status: number, text: string): Response {
  return new Response(text, { status, headers: { "content-type": "text/plain; charset=utf-8" } });
}
