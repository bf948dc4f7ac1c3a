import { lookup } from "node:dns/promises";
import { Agent, type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps, Agent as SecureAgent } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { Readable } from "node:stream";
import { EngramError } from "../../crypto/errors.ts";
import type { Fetch } from "./http-client.ts";
import { isPublicAddress } from "./public-address.ts";

/** Who may be called. The defaults are the rules; tests stand in for the internet with others. */
export interface PublicGuard {
  /** Every address of a name. */
  readonly resolve?: (hostname: string) => Promise<readonly string[]>;
  readonly isPublic?: (address: string) => boolean;
  /** Default: the ports of the web. */
  readonly allowsPort?: (port: number) => boolean;
  /** Keep connections to hosts that are IP addresses: such a one was checked for every request over it. Default: no. */
  readonly keepsConnections?: boolean;
}

const WEB_PORTS: ReadonlySet<number> = new Set([80, 443, 8080, 8443]);

/** A URL whose host was resolved once, with the address that is connected to. */
interface CheckedTarget {
  readonly url: URL;
  readonly hostname: string;
  readonly address: string;
}

/**
 * A `fetch` for addresses that strangers chose: http and https alone, no credentials in the URL, and only hosts all of
 * whose addresses are public. The name is resolved once and the connection goes to the address that was checked, so a
 * name server that answers otherwise the second time changes nothing. Redirects are never followed here: each is
 * another address to check (see `download`).
 *
 * Errors: `URL_INVALID`, `URL_NOT_PUBLIC`, `URL_UNRESOLVED`; those of the connection as they come.
 */
export function createPublicFetch(guard: PublicGuard = {}): Fetch {
  const kept = guard.keepsConnections === true ? keptConnections() : undefined;
  return async (request) => {
    const target = await checkTarget(request.url, guard, request.signal);
    const agent = isIP(target.hostname) === 0 ? undefined : kept?.(target.url);
    return await send(request, target, agent);
  };
}

/** More than any fan-out; idle ones are closed before servers close them (Node's default is 5 s). */
const KEPT_SOCKETS = { keepAlive: true, maxTotalSockets: 512, maxFreeSockets: 64, timeout: 4_000 };

function keptConnections(): (url: URL) => Agent {
  const [plain, secure] = [new Agent(KEPT_SOCKETS), new SecureAgent(KEPT_SOCKETS)];
  return ({ protocol }) => (protocol === "https:" ? secure : plain);
}

async function checkTarget(text: string, guard: PublicGuard, signal: AbortSignal): Promise<CheckedTarget> {
  const url = checkUrl(text, guard.allowsPort ?? ((port) => WEB_PORTS.has(port)));
  const hostname = url.hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
  const addresses = isIP(hostname) === 0 ? await resolve(hostname, guard, signal) : [hostname];
  const isPublic = guard.isPublic ?? isPublicAddress;
  const [address] = addresses;
  // One private address among public ones is enough: which of them is meant is the name server's choice.
  if (address !== undefined && addresses.every(isPublic)) return { url, hostname, address };
  throw new EngramError("URL_NOT_PUBLIC", "this address does not lie on the public internet", {
    fix: "name a page that everybody can reach; for a file of your own give its path",
  });
}

/** The URL, when it may be called as far as its text tells. */
function checkUrl(text: string, allowsPort: (port: number) => boolean): URL {
  const url = URL.parse(text);
  if (url === null || !["http:", "https:"].includes(url.protocol) || url.hostname === "") {
    throw new EngramError("URL_INVALID", "this is not the address of a web page", { fix: "give an http or https URL" });
  }
  if (url.username !== "" || url.password !== "") {
    throw new EngramError("URL_INVALID", "the address carries a user name or password", { fix: "leave them out" });
  }
  const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
  if (allowsPort(port)) return url;
  throw new EngramError("URL_INVALID", `port ${port} is not one of the web`, { fix: "give a page on port 80 or 443" });
}

async function resolve(hostname: string, guard: PublicGuard, signal: AbortSignal): Promise<readonly string[]> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.throwIfAborted();
  signal.addEventListener("abort", abort, { once: true });
  try {
    // A name server that never answers must not outlive the deadline.
    return await Promise.race([(guard.resolve ?? resolveAll)(hostname), aborted]);
  } catch (cause) {
    signal.throwIfAborted();
    const fix = "check how the address is spelled, and that this machine is online";
    throw new EngramError("URL_UNRESOLVED", "the host of this address was not found", { fix, cause });
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

async function resolveAll(hostname: string): Promise<readonly string[]> {
  return (await lookup(hostname, { all: true })).map(({ address }) => address);
}

async function send(request: Request, target: CheckedTarget, agent: Agent | undefined): Promise<Response> {
  const body = request.body === null ? null : Buffer.from(await request.arrayBuffer());
  try {
    return await sendOnce(request, target, agent ?? false, body);
  } catch (error) {
    // The server closed an idle connection just then: nothing of this request reached it.
    if (!(error instanceof StaleConnection)) throw error;
    return await sendOnce(request, target, false, body);
  }
}

/** A kept connection that was not there any more. */
class StaleConnection extends Error {}

async function sendOnce(
  request: Request,
  { url, hostname, address }: CheckedTarget,
  agent: Agent | false,
  body: Buffer | null,
): Promise<Response> {
  const start = url.protocol === "https:" ? requestHttps : requestHttp;
  const { promise, resolve: answered, reject } = Promise.withResolvers<IncomingMessage>();
  const outgoing = start(
    {
      hostname,
      path: `${url.pathname}${url.search}`,
      method: request.method,
      headers: { ...Object.fromEntries(request.headers), host: url.host },
      lookup: pinnedTo(address),
      signal: request.signal,
      // Kept by name, a connection would be one that nobody checked for the next request.
      agent,
      ...(url.port === "" ? {} : { port: url.port }),
    },
    answered,
  );
  outgoing.on("error", (error: NodeJS.ErrnoException) => {
    reject(outgoing.reusedSocket && error.code === "ECONNRESET" ? new StaleConnection() : error);
  });
  outgoing.end(body);
  return responseOf(await promise);
}

/** Answers every question for an address with the one that was checked. */
function pinnedTo(address: string): LookupFunction {
  const family = isIP(address);
  return (_hostname, options, callback) => {
    if (options.all) callback(null, [{ address, family }]);
    else callback(null, address, family);
  };
}

const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

function responseOf(incoming: IncomingMessage): Response {
  const headers = new Headers();
  for (const [name, values] of Object.entries(incoming.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  const status = incoming.statusCode ?? 502;
  if (WITHOUT_BODY.has(status)) {
    incoming.resume();
    return new Response(null, { status, headers });
  }
  return new Response(Readable.toWeb(incoming) as ReadableStream<Uint8Array<ArrayBuffer>>, { status, headers });
}
