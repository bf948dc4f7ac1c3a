import type { HttpClient } from "../../node/runtime/http-client.ts";
import { traceCalls } from "../../node/runtime/traced-http.ts";
import { ANCHOR_BLOCK_HEADER } from "../anchor.ts";
import type { SentSubmission, SubmissionReply, SubmissionTransport } from "./submission-transport.ts";

const MAX_REPLY_BYTES = 65_536;
const MAX_SUCCESSIONS_BYTES = 1_048_576;

/** Over `http://` and `https://`: `POST /relay`. */
export class HttpTransport implements SubmissionTransport {
  readonly carriesPayments = true;
  readonly #url: string;
  readonly #deadlineMs: number;
  readonly #http: HttpClient;

  /** `url` without a trailing slash. */
  constructor({ url, deadlineMs }: { readonly url: string; readonly deadlineMs: number }, http: HttpClient) {
    this.#url = url;
    this.#deadlineMs = deadlineMs;
    this.#http = traceCalls(http);
  }

  /** Errors: those of `HttpClient`. */
  async send(sent: SentSubmission, signal: AbortSignal): Promise<SubmissionReply> {
    const { signedHash, text, anchorBlock, payment } = sent;
    const anchored = anchorBlock === undefined ? {} : { [ANCHOR_BLOCK_HEADER]: `${anchorBlock}` };
    const headers = { ...payment, ...anchored, "Idempotency-Key": signedHash };
    const limits = { deadlineMs: this.#deadlineMs, maxBytes: MAX_REPLY_BYTES, signal, headers, carriesTrace: true };
    return await this.#http.postJson(`${this.#url}/relay`, text, limits);
  }

  /** Errors: those of `HttpClient`. */
  async successions(signal: AbortSignal): Promise<unknown> {
    const limits = { deadlineMs: this.#deadlineMs, maxBytes: MAX_SUCCESSIONS_BYTES, signal };
    const { status, text } = await this.#http.get(`${this.#url}/v1/successions`, limits);
    if (status !== 200) return undefined;
    try {
      return (JSON.parse(text) as { readonly successions?: unknown } | null)?.successions;
    } catch {
      return undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
