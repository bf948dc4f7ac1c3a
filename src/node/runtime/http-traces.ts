import type { Context, MiddlewareHandler } from "hono";
import { routePath } from "hono/route";
import { inSpan, isTracing, type OpenSpan } from "./tracing.ts";

/** Asked every few seconds, by machines. */
const QUIET: ReadonlySet<string> = new Set(["/health", "/metrics"]);

/**
 * Answers a request within a span that is named by its route, in the trace that its sender names. While no traces are
 * made it is `work` and nothing else.
 */
export function traceRequest(context: Context, work: () => Promise<Response>): Promise<Response> {
  if (!isTracing() || QUIET.has(context.req.path)) return work();
  return spanOf(context, async (span) => told(span, await work()));
}

/** The same around all that follows, refusals of other middleware too, at the price of one more of them. */
export function traceRequests(): MiddlewareHandler {
  return (context, next) => {
    if (!isTracing() || QUIET.has(context.req.path)) return next();
    return spanOf(context, async (span) => {
      await next();
      told(span, context.res);
    });
  };
}

function spanOf<T>(context: Context, work: (span: OpenSpan) => Promise<T>): Promise<T> {
  const { method, raw } = context.req;
  const route = routePath(context, -1);
  const attributes = { "http.request.method": method, "http.route": route };
  const origin = { carrier: raw.headers, own: false };
  return inSpan({ name: `${method} ${route}`, kind: "server", attributes, origin }, work);
}

function told(span: OpenSpan, response: Response): Response {
  const { status } = response;
  span.set({ "http.response.status_code": status });
  if (status >= 500) span.fail(`${status}`);
  return response;
}
