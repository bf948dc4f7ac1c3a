import { promisify } from "node:util";
import { brotliDecompress, gunzip, inflate } from "node:zlib";
import { EngramError, isEngramError } from "../../crypto/errors.ts";
import type { Fetch } from "./http-client.ts";
import { readCapped } from "./read-capped.ts";

export interface DownloadOptions {
  /** One of `createPublicFetch`, so that every address on the way is checked. */
  readonly fetch: Fetch;
  /** For everything: names, connections, redirects and the body. */
  readonly deadlineMs: number;
  /** Of the body, as sent and after decompression. */
  readonly maxBytes: number;
  readonly userAgent: string;
  readonly signal?: AbortSignal;
}

export interface Download {
  /** Where the body was found, after redirects. */
  readonly url: string;
  /** Without parameters, in lower case; empty when the server names none. */
  readonly contentType: string;
  readonly bytes: Buffer;
}

const MAX_REDIRECTS = 3;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * What lies at `url`, following at most three redirects. Errors: those of `createPublicFetch`; `DOWNLOAD_FAILED`
 * (status, redirects, encoding), `HTTP_TIMEOUT`, `HTTP_TOO_LARGE`, `HTTP_UNREACHABLE`.
 */
export async function download(url: string, options: DownloadOptions): Promise<Download> {
  const deadline = AbortSignal.timeout(options.deadlineMs);
  const signal = options.signal ? AbortSignal.any([options.signal, deadline]) : deadline;
  try {
    return await follow(url, options, signal);
  } catch (cause) {
    options.signal?.throwIfAborted();
    if (isEngramError(cause, "HTTP_TOO_LARGE")) throw tooLarge(options.maxBytes);
    if (cause instanceof EngramError) throw cause;
    const fix = "check the address, and try again later";
    throw deadline.aborted
      ? new EngramError("HTTP_TIMEOUT", `the page did not come within ${options.deadlineMs} ms`, { fix, cause })
      : new EngramError("HTTP_UNREACHABLE", "the page's server could not be reached", { fix, cause });
  }
}

async function follow(from: string, options: DownloadOptions, signal: AbortSignal): Promise<Download> {
  const headers = { "user-agent": options.userAgent, "accept-encoding": "identity" };
  let url = from;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const response = await options.fetch(requestOf(url, headers, signal));
    const location = response.headers.get("location");
    if (REDIRECTS.has(response.status) && location !== null) {
      await response.body?.cancel();
      url = URL.parse(location, url)?.href ?? location;
      continue;
    }
    if (response.status !== 200) {
      await response.body?.cancel();
      throw failed(`the page's server answered ${response.status}`);
    }
    const sent = await readCapped(response, options.maxBytes, signal);
    const bytes = await decoded(sent, response.headers.get("content-encoding"), options.maxBytes);
    const [contentType = ""] = (response.headers.get("content-type") ?? "").split(";");
    return { url, contentType: contentType.trim().toLowerCase(), bytes };
  }
  throw failed(`the page leads on more than ${MAX_REDIRECTS} times`);
}

function requestOf(url: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Request {
  try {
    return new Request(url, { headers, redirect: "manual", signal });
  } catch (cause) {
    const fix = "give an http or https URL without user name and password";
    throw new EngramError("URL_INVALID", "this is not the address of a web page", { fix, cause });
  }
}

const decoders: Readonly<Record<string, (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>>> = {
  gzip: promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip),
  "x-gzip": promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip),
  deflate: promisify<Buffer, { maxOutputLength: number }, Buffer>(inflate),
  br: promisify<Buffer, { maxOutputLength: number }, Buffer>(brotliDecompress),
};

/** Some servers compress what they were asked to send as it is. */
async function decoded(sent: Buffer, encoding: string | null, maxBytes: number): Promise<Buffer> {
  const name = (encoding ?? "identity").trim().toLowerCase();
  if (name === "identity" || name === "") return sent;
  const decode = Object.hasOwn(decoders, name) ? decoders[name] : undefined;
  if (!decode) throw failed("the page's server sent an encoding that is not known here");
  try {
    return await decode(sent, { maxOutputLength: maxBytes });
  } catch (cause) {
    const isTooLarge = cause instanceof Error && "code" in cause && cause.code === "ERR_BUFFER_TOO_LARGE";
    throw isTooLarge ? tooLarge(maxBytes) : failed("the page's body is damaged", cause);
  }
}

function failed(why: string, cause?: unknown): EngramError {
  return new EngramError("DOWNLOAD_FAILED", why, { fix: "open the address in a browser to see what it shows", cause });
}

function tooLarge(maxBytes: number): EngramError {
  return new EngramError("HTTP_TOO_LARGE", `the page has more than ${maxBytes} bytes`, { fix: "give a smaller one" });
}
