import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { EngramError } from "../../crypto/errors.ts";
import type { TlsCertificate } from "./tls-certificate.ts";

/** Answers one request; `peer` is the address of the other end of the socket. */
export type HttpHandler = (request: Request, peer: string) => Response | Promise<Response>;

export interface HttpServerOptions {
  readonly handler: HttpHandler;
  readonly hostname: string;
  /** 0 takes a free one: read it from `port`. */
  readonly port: number;
  /** How long requests in flight may take once the server stops. */
  readonly graceMs?: number;
  readonly limits?: Partial<HttpLimits>;
  /** Serves https by it, and by what it changes to. Closed by the caller. */
  readonly tls?: TlsCertificate | undefined;
  /** Answers `GET /ready`: 200 while this is so and the server does not drain, else 503. Without it there is no such path. */
  readonly isReady?: () => boolean;
}

/** How long a sender may take; times in ms. */
interface HttpLimits {
  readonly headersTimeout: number;
  readonly requestTimeout: number;
  readonly keepAliveTimeout: number;
  /** Node looks for late requests only this often. */
  readonly connectionsCheckingInterval: number;
  readonly maxHeaderSize: number;
}

export interface HttpServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** Tells balancers and kept connections to go elsewhere, before the server stops: requests are served as before. */
  drain(): void;
}

/** A client that sends slowly holds a socket only so long, and only so many are held (R7). */
const LIMITS: HttpLimits = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  // As the reference keeps idle connections (spec 7).
  keepAliveTimeout: 15_000,
  // Node's default of 30 s would triple the limits above.
  connectionsCheckingInterval: 2_000,
  maxHeaderSize: 16_384,
};
const MAX_CONNECTIONS = 4_096;
const MAX_REQUESTS_PER_SOCKET = 1_000;

/**
 * Serves `handler` over TCP. Errors: `HTTP_LISTEN` when the address cannot be taken.
 * Disposing stops accepting, lets requests in flight finish within the grace and then closes every socket.
 */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  let draining = false;
  const { hostname, tls, isReady } = options;
  const serve: HttpHandler = (request, peer) =>
    isReady && isReadyRequest(request) ? readiness(isReady() && !draining) : options.handler(request, peer);
  const listener = getRequestListener(
    (request, bindings) => serve(request, bindings.incoming.socket.remoteAddress ?? "unknown"),
    { hostname, overrideGlobalObjects: false },
  );
  const answer = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    if (draining) outgoing.shouldKeepAlive = false;
    // A connection that was busy when the server stopped would else stay open for the whole grace.
    outgoing.once("close", () => {
      if (!server.listening) setImmediate(() => server.closeIdleConnections());
    });
    void listener(incoming, outgoing);
  };
  const limits = { ...LIMITS, ...options.limits };
  const server = tls ? createSecureServer(limits, tls, answer) : createServer(limits, answer);
  server.maxConnections = MAX_CONNECTIONS;
  server.maxRequestsPerSocket = MAX_REQUESTS_PER_SOCKET;
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return {
    port,
    url: `${tls ? "https" : "http"}://${host}:${port}`,
    drain: () => {
      draining = true;
    },
    [Symbol.asyncDispose]: () => stop(server, options.graceMs ?? 5_000),
  };
}

type Listener = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

function createSecureServer(limits: HttpLimits, tls: TlsCertificate, answer: Listener): Server {
  // A handshake may take no longer than headers.
  const server = createTlsServer({ ...limits, ...tls.material, handshakeTimeout: limits.headersTimeout }, answer);
  const forget = tls.onChange((material) => server.setSecureContext(material));
  server.once("close", forget);
  return server as unknown as Server;
}

function isReadyRequest(request: Request): boolean {
  return request.method === "GET" && new URL(request.url).pathname === "/ready";
}

function readiness(ready: boolean): Response {
  return Response.json({ ready }, { status: ready ? 200 : 503, headers: { "cache-control": "no-store" } });
}

async function listen(server: Server, { hostname, port }: HttpServerOptions): Promise<void> {
  server.listen({ host: hostname, port });
  try {
    await once(server, "listening");
  } catch (error) {
    throw new EngramError("HTTP_LISTEN", `cannot listen on ${hostname} port ${port}`, {
      fix: "choose another port or stop the process that uses this one",
      cause: error,
    });
  }
}

async function stop(server: Server, graceMs: number): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, "close");
  server.close();
  server.closeIdleConnections();
  const late = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(late);
}
