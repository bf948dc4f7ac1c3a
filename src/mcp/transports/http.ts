import { createMcpHandler, type McpHttpHandler, type McpServerFactory } from "@modelcontextprotocol/server";
import { Hono } from "hono";
import { EngramError } from "../../crypto/errors.ts";
import { startHttpServer } from "../../node/runtime/http-server.ts";
import { ReleaseStack } from "../../node/runtime/release-stack.ts";
import type { Till } from "../payments/till.ts";
import { createEngramServer } from "../server.ts";
import type { ServerDeps, ServerOptions } from "../server-options.ts";
import { anonymousAuth } from "../shared.ts";
import type { TokenSource } from "../token-source.ts";
import { principalOf, type TokenEntry } from "../tokens.ts";
import { type AllowedHosts, allowedHosts, isLoopbackHost } from "./guards.ts";
import { type RateLimit, RateLimiter } from "./rate-limit.ts";

export interface HttpOptions {
  readonly hostname: string;
  /** 0 takes a free one: read it from `url`. */
  readonly port: number;
  /** Names beside loopback by which clients may address this server. */
  readonly allowedHosts?: readonly string[];
  /** Every token is a principal. Without any, a caller on loopback is the home's own. */
  readonly tokens: TokenSource;
  readonly rate?: RateLimit;
  /** Who sends no token is nobody, who only pays, and never the home's owner. */
  readonly sells?: boolean;
}

export interface McpHttpServer extends AsyncDisposable {
  /** Where `/mcp` is. */
  readonly url: string;
}

/** The largest call: 50 long texts. */
const maxBodyBytes = 8 * 1024 * 1024;
const maxSubscriptions = 64;
const defaultRate: RateLimit = { burst: 300, perSecond: 100 };

/**
 * Serves MCP at `/mcp`. Foreign Host or Origin answer 403, missing or unknown tokens 401, too many requests 429.
 * Throws `MCP_NEEDS_TOKENS` beyond loopback without tokens, where everybody would be the home's owner.
 */
export async function serveOverHttp(
  server: ServerOptions,
  http: HttpOptions,
  deps: ServerDeps,
): Promise<McpHttpServer> {
  await using starting = new ReleaseStack();
  const till = server.prices ? Promise.withResolvers<Till>() : undefined;
  // Closed after the listener: a call that is running may still have to note its answer.
  let opened: Till | undefined;
  starting.defer(() => opened?.[Symbol.asyncDispose]());
  const engram = starting.use(createEngramServer(server, deps, till?.promise));
  const { url } = starting.use(
    await serveFactoryOverHttp(engram.factory, { ...http, sells: till !== undefined }, deps),
  );
  if (server.prices && till) {
    if (!deps.openTill) throw new TypeError("a server with prices has a till");
    opened = await deps.openTill(server.prices, url);
    till.resolve(opened);
  }
  const running = starting.move();
  return { url, [Symbol.asyncDispose]: () => running[Symbol.asyncDispose]() };
}

/** As `serveOverHttp`, with whatever servers `factory` makes, one per request. */
export async function serveFactoryOverHttp(
  factory: McpServerFactory,
  http: HttpOptions,
  deps: Pick<ServerDeps, "log" | "now">,
): Promise<McpHttpServer> {
  const tokensAtStart = await http.tokens();
  assertSafe(http, tokensAtStart);
  await using starting = new ReleaseStack();
  const handler = createMcpHandler(factory, {
    // Hono's own limit makes a new Request of a chunked body, which is not possible of the listener's requests.
    maxRequestBodySize: maxBodyBytes,
    maxSubscriptions,
    onerror: (error) => deps.log.debug({ reason: error.message }, "a request was refused"),
  });
  starting.defer(() => handler.close());
  const app = createApp({
    hosts: allowedHosts([http.hostname, ...(http.allowedHosts ?? [])]),
    tokens: http.tokens,
    // Who takes the last token away has not opened the server to everybody.
    alwaysTokens: tokensAtStart.length > 0,
    sells: http.sells === true,
    limiter: new RateLimiter(http.rate ?? defaultRate, deps.now),
    handler,
    log: deps.log,
  });
  const listener = starting.use(
    await startHttpServer({
      hostname: http.hostname,
      port: http.port,
      handler: (request, peer) => app.fetch(request, { peer }),
    }),
  );
  // Open subscription streams would hold the listener up to its grace: they end first.
  starting.defer(() => handler.close());
  const running = starting.move();
  return { url: listener.url, [Symbol.asyncDispose]: () => running[Symbol.asyncDispose]() };
}

function assertSafe({ hostname, allowedHosts: names = [], sells }: HttpOptions, tokens: readonly TokenEntry[]): void {
  if (isLoopbackHost(hostname)) return;
  // Where calls are sold, who sends no token is nobody, not the home's owner.
  if (tokens.length === 0 && !sells) {
    throw new EngramError(
      "MCP_NEEDS_TOKENS",
      `Listening on ${hostname} without tokens would show everybody everything`,
      {
        fix: "Add a token with `engram mcp token add NAME`, or listen on 127.0.0.1.",
      },
    );
  }
  if (["0.0.0.0", "::"].includes(hostname) && names.length === 0) {
    throw new EngramError("MCP_NEEDS_HOSTS", `Listening on ${hostname} needs the names clients use`, {
      fix: "Name them with --allow-host, for example --allow-host memory.example.org.",
    });
  }
}

interface AppDeps {
  readonly hosts: AllowedHosts;
  readonly tokens: TokenSource;
  readonly alwaysTokens: boolean;
  readonly sells: boolean;
  readonly limiter: RateLimiter;
  readonly handler: McpHttpHandler;
  readonly log: ServerDeps["log"];
}

type Environment = { Bindings: { readonly peer: string }; Variables: { principal: string | undefined } };

function createApp(deps: AppDeps): Hono<Environment> {
  const app = new Hono<Environment>();
  app.use(async (context, next) => {
    const header = (name: string) => context.req.raw.headers.get(name);
    if (!deps.hosts.isHost(header("host"))) return refuse(403, "This Host is not served here; see --allow-host.");
    if (!deps.hosts.isOrigin(header("origin"))) return refuse(403, "Requests from this Origin are not allowed.");
    return next();
  });
  app.use("/mcp", async (context, next) => {
    const tokens = await deps.tokens();
    const principal = authenticate(tokens, context.req.raw.headers.get("authorization"));
    const waitMs = deps.limiter.take(principal === undefined ? `peer:${context.env.peer}` : `principal:${principal}`);
    if (waitMs > 0) return tooMany(waitMs);
    const needsToken = !deps.sells && (deps.alwaysTokens || tokens.length > 0);
    // A token that is none is a mistake, not a wish to pay.
    const isUnknown = deps.sells && context.req.raw.headers.has("authorization");
    if (principal === undefined && (needsToken || isUnknown)) return unauthorized();
    context.set("principal", principal);
    return next();
  });
  app.all("/mcp", (context) => deps.handler.fetch(context.req.raw, authOf(context.get("principal"), deps.sells)));
  app.notFound(() => refuse(404, "MCP is served at /mcp."));
  app.onError((error) => {
    deps.log.error({ error: error.name }, "an HTTP request failed inside");
    return refuse(500, "Engram failed inside; the person can look into the server's log.");
  });
  return app;
}

/** Handlers learn the principal's name alone; the token goes no further than this file. */
function authOf(principal: string | undefined, sells: boolean) {
  if (principal === undefined && sells) return { authInfo: anonymousAuth };
  return principal === undefined ? {} : { authInfo: { token: "", clientId: principal, scopes: [] } };
}

function authenticate(tokens: readonly TokenEntry[], authorization: string | null): string | undefined {
  const token = /^Bearer +([\x21-\x7e]{1,200})$/i.exec(authorization ?? "")?.[1];
  return token === undefined ? undefined : principalOf(tokens, token);
}

function refuse(status: number, message: string, headers: Readonly<Record<string, string>> = {}): Response {
  return Response.json({ jsonrpc: "2.0", id: null, error: { code: -32_000, message } }, { status, headers });
}

function unauthorized(): Response {
  const message = "Send a token: Authorization: Bearer … (engram mcp token add NAME makes one).";
  return refuse(401, message, { "www-authenticate": 'Bearer realm="engram"' });
}

function tooMany(waitMs: number): Response {
  return refuse(429, `Too many requests; wait ${waitMs} ms.`, { "retry-after": String(Math.ceil(waitMs / 1000)) });
}
