import type { MiddlewareHandler } from "hono";
import { routePath } from "hono/route";
import { inSpan, isTracing } from "./tracing.ts";

/** Asked every few seconds, by machines. */
const QUIET: ReadonlySet<string> = new Set(["/health", "/metrics"]);

/** A span for each request, named by its route, in the trace that its sender names. Nothing while no traces are made. */
export function traceRequests(): MiddlewareHandler {
  return (context, next) => {
    if (!isTracing() || QUIET.has(context.req.path)) return next();
    const { method, raw } = context.req;
    const route = routePath(context, -1);
    const attributes = { "http.request.method": method, "http.route": route };
    const origin = { carrier: raw.headers, own: false };
    return inSpan({ name: `${method} ${route}`, kind: "server", attributes, origin }, async (span) => {
      await next();
      const { status } = context.res;
      span.set({ "http.response.status_code": status });
      if (status >= 500) span.fail(`${status}`);
    });
  };
}
