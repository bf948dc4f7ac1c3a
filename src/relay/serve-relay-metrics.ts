import { type HttpServer, startHttpServer } from "../node/runtime/http-server.ts";
import type { Relay } from "./relay.ts";

/**
 * `GET /metrics` and `GET /relay/status` on this machine alone (spec 14.8): they are the operator's, and have no
 * authentication. Errors: `HTTP_LISTEN`.
 */
export async function serveRelayMetrics(relay: Pick<Relay, "metrics" | "status">, port: number): Promise<HttpServer> {
  const handler = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    if (request.method !== "GET") return new Response(null, { status: 405, headers: { allow: "GET" } });
    if (pathname === "/relay/status") return Response.json(await relay.status());
    if (pathname !== "/metrics") return new Response(null, { status: 404 });
    const { metrics } = relay;
    return new Response(await metrics.text(), { headers: { "content-type": metrics.contentType } });
  };
  return await startHttpServer({ handler, hostname: "127.0.0.1", port });
}
