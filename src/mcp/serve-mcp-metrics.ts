import { type HttpServer, startHttpServer } from "../node/runtime/http-server.ts";
import { exposition, operatorPages } from "../node/runtime/operator-listener.ts";
import { processMetrics } from "../node/runtime/process-metrics.ts";
import { RelayMetrics } from "../relay/relay-metrics.ts";
import { identity } from "./identity.ts";
import { McpMetrics } from "./mcp-metrics.ts";

/** What a server with an operator's listener counts. */
export interface ServerMetrics {
  readonly mcp: McpMetrics;
  /** Of all callers' relays together. */
  readonly relay: RelayMetrics;
}

export function serverMetrics(home: string): ServerMetrics {
  const [mcp, relay] = [new McpMetrics(), new RelayMetrics()];
  mcp.join(relay, processMetrics(home));
  return { mcp, relay };
}

/** The MCP server's `/metrics`, `/health` and `/ready`. Errors: `HTTP_LISTEN`. */
export async function serveMcpMetrics(
  { mcp }: ServerMetrics,
  port: number,
  hostname = "127.0.0.1",
): Promise<HttpServer> {
  const health = () => Response.json({ status: "ok", version: identity.version });
  const handler = operatorPages(hostname, { metrics: () => exposition(mcp), health });
  return await startHttpServer({ hostname, port, handler, isReady: () => true });
}
