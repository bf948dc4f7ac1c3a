import { z } from "zod";
import { EngramError, isEngramError } from "../../crypto/errors.ts";
import type { UploadState } from "../ports.ts";
import { download } from "../runtime/download.ts";
import { createHttpClient, type HttpReply } from "../runtime/http-client.ts";
import { createPublicFetch } from "../runtime/public-fetch.ts";

const DEADLINE_MS = 20_000;
const FETCH_DEADLINE_MS = 60_000;
const MAX_ANSWER_BYTES = 100_000;

/** Already there: what was sent before is as good. */
const TAKEN: ReadonlySet<number> = new Set([200, 202, 208]);

const statusSchema = z.object({ number_of_confirmations: z.number().int().min(0) });

/** One chunk as gateways take it. */
export interface ChunkToSend {
  readonly data_root: string;
  readonly data_size: string;
  readonly data_path: string;
  readonly offset: string;
  readonly chunk: string;
}

/**
 * The HTTP routes of an Arweave gateway. The library's own calls have neither deadline nor size limit, so it makes and
 * checks transactions and this sends them.
 */
export class GatewayClient {
  readonly #base: URL;
  readonly #http = createHttpClient();

  constructor(gateway: string) {
    this.#base = new URL(gateway.endsWith("/") ? gateway : `${gateway}/`);
  }

  #urlOf(path: string): string {
    return new URL(path, this.#base).href;
  }

  async price(bytes: number, signal?: AbortSignal): Promise<number> {
    const { text } = await this.#get(`price/${bytes}`, signal);
    const winston = Number(text.trim());
    if (/^\d{1,16}$/.test(text.trim()) && Number.isSafeInteger(winston)) return winston;
    throw unreachable("it names no price");
  }

  /** A recent block that the transaction names; it can only be mined for some time after it. */
  async anchor(signal?: AbortSignal): Promise<string> {
    const text = (await this.#get("tx_anchor", signal)).text.trim();
    if (/^[A-Za-z0-9_-]{43,64}$/.test(text)) return text;
    throw unreachable("it names no recent block");
  }

  async postTransaction(header: string, signal?: AbortSignal): Promise<void> {
    this.#checkTaken(await this.#post("tx", header, signal));
  }

  async postChunk(chunk: ChunkToSend, signal?: AbortSignal): Promise<void> {
    this.#checkTaken(await this.#post("chunk", JSON.stringify(chunk), signal));
  }

  async state(transactionId: string, signal?: AbortSignal): Promise<UploadState> {
    const { status, text } = await this.#ask(`tx/${transactionId}/status`, signal);
    if (status === 202) return { state: "pending" };
    if (status === 404) return { state: "unknown" };
    const parsed = status === 200 ? statusSchema.safeParse(parseJson(text)) : undefined;
    if (parsed?.success) return { state: "mined", confirmations: parsed.data.number_of_confirmations };
    throw unreachable(`it answered ${status}`);
  }

  /** The transaction's header, parsed as JSON and no further. Errors: `ARCHIVE_NOT_FOUND`. */
  async header(transactionId: string, signal?: AbortSignal): Promise<unknown> {
    const { status, text } = await this.#ask(`tx/${transactionId}`, signal);
    if (status === 404 || status === 202) throw notFound();
    if (status !== 200) throw unreachable(`it answered ${status}`);
    return parseJson(text);
  }

  /** The transaction's data, unchecked. Errors: `ARCHIVE_NOT_FOUND`, `ARCHIVE_UNREACHABLE`, `HTTP_TOO_LARGE`. */
  async data(transactionId: string, maxBytes: number, signal?: AbortSignal): Promise<Buffer> {
    const outside = createPublicFetch();
    const options = {
      // The gateway is the person's own choice; where it leads on to must be on the public internet.
      fetch: (request: Request) =>
        new URL(request.url).origin === this.#base.origin ? fetch(request) : outside(request),
      deadlineMs: FETCH_DEADLINE_MS,
      userAgent: "Engram",
      maxBytes,
      ...(signal ? { signal } : {}),
    };
    try {
      return (await download(this.#urlOf(`raw/${transactionId}`), options)).bytes;
    } catch (error) {
      if (!isEngramError(error, "DOWNLOAD_FAILED")) throw asUnreachable(error);
    }
    // Gateways without `raw` serve the data under the plain id.
    return await download(this.#urlOf(transactionId), options).then(
      ({ bytes }) => bytes,
      (error: unknown) => {
        throw isEngramError(error, "DOWNLOAD_FAILED") ? notFound() : asUnreachable(error);
      },
    );
  }

  async #get(path: string, signal?: AbortSignal): Promise<HttpReply> {
    const reply = await this.#ask(path, signal);
    if (reply.status === 200) return reply;
    throw unreachable(`it answered ${reply.status}`);
  }

  async #ask(path: string, signal?: AbortSignal): Promise<HttpReply> {
    return await this.#http.get(this.#urlOf(path), limits(signal)).catch(rethrow);
  }

  async #post(path: string, body: string, signal?: AbortSignal): Promise<HttpReply> {
    return await this.#http.postJson(this.#urlOf(path), body, limits(signal)).catch(rethrow);
  }

  #checkTaken({ status }: HttpReply): void {
    if (TAKEN.has(status)) return;
    const isFinal = status >= 400 && status < 500 && status !== 408 && status !== 429;
    throw isFinal ? refused(status) : unreachable(`it answered ${status}`);
  }
}

function limits(signal: AbortSignal | undefined) {
  return { deadlineMs: DEADLINE_MS, maxBytes: MAX_ANSWER_BYTES, ...(signal ? { signal } : {}) };
}

function rethrow(error: unknown): never {
  throw asUnreachable(error);
}

function asUnreachable(error: unknown): unknown {
  return isEngramError(error, "HTTP_TIMEOUT") || isEngramError(error, "HTTP_UNREACHABLE")
    ? unreachable("it does not answer", error)
    : error;
}

function unreachable(why: string, cause?: unknown): EngramError {
  return new EngramError("ARCHIVE_UNREACHABLE", `the Arweave gateway cannot be used now: ${why}`, {
    fix: "try again later, or set ARWEAVE_GATEWAY_URL to another gateway",
    retryAfterMs: 60_000,
    cause,
  });
}

function refused(status: number): EngramError {
  return new EngramError("ARCHIVE_REFUSED", `the Arweave gateway refused the transaction (${status})`, {
    fix: "check that the wallet in ARWEAVE_KEY holds enough AR",
  });
}

function notFound(): EngramError {
  return new EngramError("ARCHIVE_NOT_FOUND", "the gateway does not have this archived file", {
    fix: "a fresh upload takes some minutes; else try another gateway in ARWEAVE_GATEWAY_URL",
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
