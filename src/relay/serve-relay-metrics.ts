import type { HttpServer } from "../node/runtime/http-server.ts";
import type { Logger } from "../node/runtime/logger.ts";
import { exposition, operatorPages, startOperatorListener } from "../node/runtime/operator-listener.ts";
import type { Relay } from "./relay.ts";

const LOCAL = "127.0.0.1";

/**
 * A relay's `GET /metrics`, `/relay/status`, `/health` and `/ready` on this machine alone (spec 14.8): they are the
 * operator's, and have no authentication. Undefined without a port. Errors: `HTTP_LISTEN`.
 */
export async function serveRelayMetrics(
  relay: Pick<Relay, "metrics" | "status" | "live">,
  port: number | undefined,
  logger: Pick<Logger, "info">,
): Promise<HttpServer | undefined> {
  const handler = operatorPages(LOCAL, {
    metrics: () => exposition(relay.metrics),
    health: () => Response.json({ status: "ok", relaying: relay.live }),
    documents: { "/relay/status": () => relay.status() },
  });
  return await startOperatorListener({ adminPort: port, adminHost: LOCAL, handler, isReady: () => true, logger });
}
