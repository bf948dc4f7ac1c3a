import type { HttpClient, HttpReply } from "./http-client.ts";
import { inSpan, isTracing, traceHeaders } from "./tracing.ts";

type Options = Parameters<HttpClient["get"]>[1];

/** Paths of our own nodes; other services' paths may be secrets. */
const ROUTES: ReadonlySet<string> = new Set([
  ...["/IngestSynapse", "/QuerySynapse", "/ChallengeSynapse", "/RepairSynapse", "/list", "/prove-memory", "/health"],
  ...["/consensus/commit", "/consensus/vector", "/relay", "/relay/cosign", "/relay/propose", "/v1/successions"],
]);

/**
 * `http` with a span for each call. The call carries `traceparent` only where its options say so: what is private, and
 * what measures a node, must not be told apart or joined by it (docs/privacy.md).
 */
export function traceCalls(http: HttpClient): HttpClient {
  const call = (method: string, url: string, options: Options, send: (chosen: Options) => Promise<HttpReply>) => {
    if (!isTracing()) return send(options);
    const route = routeOf(url);
    const attributes = { "http.request.method": method, "url.template": route };
    return inSpan({ name: `${method} ${route}`, kind: "client", attributes }, async (span) => {
      const carried = options.carriesTrace === true ? traceHeaders() : {};
      const reply = await send({ ...options, headers: { ...options.headers, ...carried } });
      span.set({ "http.response.status_code": reply.status });
      if (reply.status >= 400) span.fail(`${reply.status}`);
      return reply;
    });
  };
  return {
    get: (url, options) => call("GET", url, options, (chosen) => http.get(url, chosen)),
    postJson: (url, bodyText, options) => {
      return call("POST", url, options, (chosen) => http.postJson(url, bodyText, chosen));
    },
    delete: (url, bodyText, options) => call("DELETE", url, options, (chosen) => http.delete(url, bodyText, chosen)),
  };
}

function routeOf(url: string): string {
  const path = URL.parse(url)?.pathname ?? "";
  if (path.startsWith("/retrieve/")) return "/retrieve/:cid";
  return ROUTES.has(path) ? path : "other";
}
