import { z } from "zod";
import { type Environment, parseVariables } from "./config.ts";
import { type HttpHandler, type HttpServer, startHttpServer } from "./http-server.ts";
import type { Logger } from "./logger.ts";
import type { MetricSet } from "./metric-set.ts";

const LOCAL_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i;

const LOCAL_ADDRESS = /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/i;

/** Where the operator's listener is; every process that serves reads it. */
export const operatorVariables = z.object({
  ENGRAM_ADMIN_PORT: z.coerce.number("must be a number").int("must be a whole number").min(0).max(65_535).optional(),
  ENGRAM_ADMIN_HOST: z.string().default("127.0.0.1"),
});

export interface OperatorAddress {
  /** Undefined: there is no such listener. 0 takes a free one. */
  readonly adminPort: number | undefined;
  /** Beyond this machine it shows figures alone. */
  readonly adminHost: string;
}

export function operatorAddress(variables: z.output<typeof operatorVariables>): OperatorAddress {
  return { adminPort: variables.ENGRAM_ADMIN_PORT, adminHost: variables.ENGRAM_ADMIN_HOST };
}

/** Of a process that has no configuration of its own. Errors: `CONFIG_INVALID`. */
export function operatorAddressOf(environment: Environment): OperatorAddress {
  return operatorAddress(parseVariables(operatorVariables, environment));
}

interface OperatorListenerOptions extends OperatorAddress {
  /** Answers what is not `/ready`; it decides who may ask what. */
  readonly handler: HttpHandler;
  readonly isReady: () => boolean;
  readonly logger: Pick<Logger, "info">;
}

/** The operator's own listener, if there is to be one, with `/ready` as the public one has it. Errors: `HTTP_LISTEN`. */
export async function startOperatorListener({
  adminPort: port,
  adminHost: hostname,
  handler,
  isReady,
  logger,
}: OperatorListenerOptions): Promise<HttpServer | undefined> {
  if (port === undefined) return undefined;
  const server = await startHttpServer({ hostname, port, handler, isReady });
  logger.info({ url: server.url }, "the operator's listener serves");
  return server;
}

/** `/ready` says the same on every listener of a service. */
export function drainAll(...servers: readonly (Pick<HttpServer, "drain"> | undefined)[]): void {
  for (const server of servers) server?.drain();
}

interface OperatorPages {
  readonly metrics: () => Response | Promise<Response>;
  /** Answers `GET /health`. */
  readonly health: (request: Request) => Response | Promise<Response>;
  /** Further paths, each answered with its JSON. */
  readonly documents?: Readonly<Record<string, () => Promise<unknown>>>;
}

/** `GET /metrics` for Prometheus, `GET /health`, and what else may be read at `adminHost`. */
export function operatorPages(adminHost: string, { metrics, health, documents = {} }: OperatorPages): HttpHandler {
  const isLocal = isOnThisMachine(adminHost);
  return async (request) => {
    if (isLocal ? !isFromProgram(request) : isFromPage(request)) return new Response("Forbidden", { status: 403 });
    if (request.method !== "GET") return new Response(null, { status: 405, headers: { allow: "GET" } });
    const { pathname } = new URL(request.url);
    if (pathname === "/health") return await health(request);
    const document = Object.hasOwn(documents, pathname) ? documents[pathname] : undefined;
    if (document) return Response.json(await document());
    if (pathname !== "/metrics") return new Response("Not found", { status: 404 });
    return await metrics();
  };
}

export async function exposition(metrics: MetricSet): Promise<Response> {
  return new Response(await metrics.text(), { headers: { "content-type": metrics.contentType } });
}

/** Whether nobody else reaches what listens there. */
export function isOnThisMachine(adminHost: string): boolean {
  return LOCAL_ADDRESS.test(adminHost);
}

/** Web pages in the operator's own browser reach that listener too; browsers name them, programs do not. */
export function isFromProgram(request: Request): boolean {
  return !isFromPage(request) && LOCAL_HOST.test(request.headers.get("host") ?? new URL(request.url).host);
}

function isFromPage({ headers }: Request): boolean {
  return headers.has("origin") || headers.has("sec-fetch-site");
}
