import { EngramError } from "../../crypto/errors.ts";
import { readCapped } from "./read-capped.ts";

interface HttpOptions {
  /** For the whole call, connecting and reading the body included. */
  readonly deadlineMs: number;
  /** Of the reply's body, after decompression. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal;
  /** Beside the content type. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The call may name the trace it belongs to (see `traceCalls`). Default: no. */
  readonly carriesTrace?: boolean;
}

export interface HttpReply {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
  /** From sending the request to the last byte of the reply, as it passed here. */
  readonly elapsedMs: number;
}

/**
 * Calls to other nodes. Every status is a reply, redirects too: whoever was asked must answer itself (F12).
 *
 * Errors: `HTTP_TIMEOUT`, `HTTP_UNREACHABLE`, `HTTP_TOO_LARGE`; the signal's own reason when the caller aborted.
 */
export interface HttpClient {
  get(url: string, options: HttpOptions): Promise<HttpReply>;
  /** `bodyText` is sent as it is: what was signed is what arrives (spec 5.3). */
  postJson(url: string, bodyText: string, options: HttpOptions): Promise<HttpReply>;
  delete(url: string, bodyText: string | null, options: HttpOptions): Promise<HttpReply>;
}

/** A `fetch` that is given a request: the global one, or the one of a miner in the same process. */
export type Fetch = (request: Request) => Response | Promise<Response>;

/** An `HttpClient` over `send`: the network by default, or an embedded miner's `fetch`. */
export function createHttpClient(send: Fetch = (request) => fetch(request)): HttpClient {
  const call = (method: string, url: string, bodyText: string | null, options: HttpOptions) =>
    exchange(send, { method, url, bodyText }, options);
  return {
    get: (url, options) => call("GET", url, null, options),
    postJson: (url, bodyText, options) => call("POST", url, bodyText, options),
    delete: (url, bodyText, options) => call("DELETE", url, bodyText, options),
  };
}

interface Call {
  readonly method: string;
  readonly url: string;
  readonly bodyText: string | null;
}

async function exchange(send: Fetch, call: Call, options: HttpOptions): Promise<HttpReply> {
  const deadline = AbortSignal.timeout(options.deadlineMs);
  const signal = options.signal ? AbortSignal.any([options.signal, deadline]) : deadline;
  try {
    const request = requestOf(call, signal, options.headers);
    const started = performance.now();
    const response = await sendUntil(send, request, signal);
    const body = await readCapped(response, options.maxBytes, signal);
    const elapsedMs = performance.now() - started;
    const { status, headers } = response;
    return { status, headers, text: body.toString("utf8"), elapsedMs };
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof EngramError) throw error;
    const late = deadline.aborted;
    throw new EngramError(
      late ? "HTTP_TIMEOUT" : "HTTP_UNREACHABLE",
      late ? `no answer within ${options.deadlineMs} ms` : "the node could not be reached",
      { fix: "check that the node runs and that its address is right", cause: error },
    );
  }
}

/**
 * What `send` answers, unless `signal` aborts first. The listener holds the request: once nothing refers to a request
 * it is collected, and the `fetch` that waits for its reply no longer hears of the abort.
 */
export async function sendUntil(send: Fetch, request: Request, signal: AbortSignal): Promise<Response> {
  signal.throwIfAborted();
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const stop = () => reject(request.signal.reason ?? signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([send(request), stopped]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

function requestOf(
  { method, url, bodyText }: Call,
  signal: AbortSignal,
  headers: Readonly<Record<string, string>> = {},
): Request {
  // Redirects are not followed: a signed body must not be carried to an address nobody chose.
  const shared = { method, signal, headers, redirect: "manual" } as const;
  if (bodyText === null) return new Request(url, shared);
  return new Request(url, { ...shared, body: bodyText, headers: { ...headers, "content-type": "application/json" } });
}
