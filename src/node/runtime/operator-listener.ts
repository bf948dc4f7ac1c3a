import { z } from "zod";
import { type Environment, parseVariables } from "./config.ts";
import { type HttpHandler, type HttpServer, startHttpServer } from "./http-server.ts";
import type { Logger } from "./logger.ts";
import type { MetricSet } from "./metric-set.ts";

const LOCAL_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i;

/** Where the operator's listener is; every process that serves reads it. */
export const adminPortVariable = z.coerce
  .number("must be a number")
  .int("must be a whole number")
  .min(0)
  .max(65_535)
  .optional();

/** Of a process that has no configuration of its own. Errors: `CONFIG_INVALID`. */
export function adminPortOf(environment: Environment): number | undefined {
  return parseVariables(z.object({ ENGRAM_ADMIN_PORT: adminPortVariable }), environment).ENGRAM_ADMIN_PORT;
}

interface OperatorListenerOptions {
  /** Undefined: the operator asked for none. 0 takes a free one. */
  readonly port: number | undefined;
  /** Answers what is not `/ready`; it decides who may ask what. */
  readonly handler: HttpHandler;
  readonly isReady: () => boolean;
  readonly logger: Pick<Logger, "info">;
}

/** The operator's own listener, on this machine alone, with `/ready` as the public one has it. Errors: `HTTP_LISTEN`. */
export async function startOperatorListener({
  port,
  handler,
  isReady,
  logger,
}: OperatorListenerOptions): Promise<HttpServer | undefined> {
  if (port === undefined) return undefined;
  const server = await startHttpServer({ hostname: "127.0.0.1", port, handler, isReady });
  logger.info({ url: server.url }, "the operator's listener serves");
  return server;
}

/** `/ready` says the same on every listener of a service. */
export function drainAll(...servers: readonly (Pick<HttpServer, "drain"> | undefined)[]): void {
  for (const server of servers) server?.drain();
}

interface OperatorPages {
  readonly metrics: Pick<MetricSet, "text" | "contentType">;
  /** Answers `GET /health`. */
  readonly health: (request: Request) => Response | Promise<Response>;
  /** Further paths, each answered with its JSON. */
  readonly documents?: Readonly<Record<string, () => Promise<unknown>>>;
}

/** `GET /metrics` for Prometheus, `GET /health`, and what else the operator may read. */
export function operatorPages({ metrics, health, documents = {} }: OperatorPages): HttpHandler {
  return async (request) => {
    if (!isFromProgram(request)) return new Response("Forbidden", { status: 403 });
    if (request.method !== "GET") return new Response(null, { status: 405, headers: { allow: "GET" } });
    const { pathname } = new URL(request.url);
    if (pathname === "/health") return await health(request);
    const document = Object.hasOwn(documents, pathname) ? documents[pathname] : undefined;
    if (document) return Response.json(await document());
    if (pathname !== "/metrics") return new Response("Not found", { status: 404 });
    return new Response(await metrics.text(), { headers: { "content-type": metrics.contentType } });
  };
}

/** Web pages in the operator's own browser reach that listener too; browsers name them, programs do not. */
export function isFromProgram({ headers, url }: Request): boolean {
  const isPage = headers.has("origin") || headers.has("sec-fetch-site");
  return !isPage && LOCAL_HOST.test(headers.get("host") ?? new URL(url).host);
}
