import { EngramError } from "../../crypto/errors.ts";
import { readCapped } from "../runtime/read-capped.ts";
import { readEmbeddingAnswer } from "./embedding-answer.ts";
import type { EmbeddingBudget } from "./embedding-budget.ts";
import type { EndpointSettings } from "./embedding-settings.ts";
import { PaidAttempts } from "./paid-attempts.ts";

/** Of one attempt, its whole answer included. */
const DEADLINE_MS = 20_000;
const RETRIES = 2;
/** A number and its comma take 25 characters at most; and what stands around them. */
const BYTES_PER_NUMBER = 32;

interface Deps {
  readonly budget?: EmbeddingBudget;
}

type Client = InstanceType<typeof import("openai").default>;

/** One OpenAI-compatible endpoint, asked for floats; the library is loaded at the first question. */
export class EmbeddingEndpoint implements AsyncDisposable {
  readonly #settings: EndpointSettings;
  readonly #deadlineMs: number;
  readonly #budget: EmbeddingBudget | undefined;
  #client: Promise<Client> | undefined;

  constructor(
    settings: EndpointSettings,
    { deadlineMs = DEADLINE_MS }: { readonly deadlineMs?: number },
    { budget }: Deps,
  ) {
    this.#settings = settings;
    this.#deadlineMs = deadlineMs;
    this.#budget = budget;
  }

  /** Unit vectors of the texts. Errors: as `EndpointEmbedder.embed`. */
  async vectorsOf(texts: readonly string[], signal: AbortSignal): Promise<readonly Float32Array[]> {
    signal.throwIfAborted();
    const { dim, model, price } = this.#settings;
    // A token is at least one byte, so this is never less than what will be counted.
    const most = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    const paid = price > 0 ? new PaidAttempts(() => this.#reserve(most)) : undefined;
    // The first is reserved here, so that what the budget refuses is not tried at all.
    await paid?.reserve();
    const answer: unknown = await this.#ask(model, texts, paid, signal);
    const { vectors, tokens } = readEmbeddingAnswer(answer, texts.length, dim);
    if (tokens !== undefined) await paid?.settle(tokens);
    return vectors;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#budget?.[Symbol.asyncDispose]();
  }

  async #reserve(tokens: number) {
    if (!this.#budget) throw new EngramError("EMBED_BUDGET", "there is no budget for paid embeddings here");
    return await this.#budget.reserve(tokens);
  }

  async #ask(
    model: string,
    texts: readonly string[],
    paid: PaidAttempts | undefined,
    signal: AbortSignal,
  ): Promise<unknown> {
    this.#client ??= this.#open();
    const client = (await this.#client).withOptions({ fetch: this.#fetchWith(paid) });
    const stop = paid ? AbortSignal.any([signal, paid.refused]) : signal;
    try {
      return await client.embeddings.create({ model, input: [...texts], encoding_format: "float" }, { signal: stop });
    } catch (cause) {
      stop.throwIfAborted();
      throw failureOf(cause);
    }
  }

  async #open(): Promise<Client> {
    const { default: OpenAI } = await import("openai");
    const { baseUrl, key } = this.#settings;
    return new OpenAI({
      apiKey: key.reveal(),
      // Explicit, so that nothing is read from the environment behind the configuration's back.
      baseURL: baseUrl,
      organization: null,
      project: null,
      timeout: this.#deadlineMs,
      maxRetries: RETRIES,
      logLevel: "off",
    });
  }

  /** Called once an attempt. */
  #fetchWith(paid: PaidAttempts | undefined): typeof fetch {
    const maxBytes = 64 * 1024 + 32 * this.#settings.dim * BYTES_PER_NUMBER;
    return async (url, init) => {
      await paid?.send();
      // Redirects are not followed: key and texts go where the settings say, and nowhere else.
      const response = await fetch(url, { ...init, redirect: "manual" });
      const late = AbortSignal.timeout(this.#deadlineMs);
      const stop = init?.signal ? AbortSignal.any([init.signal, late]) : late;
      const { status, headers } = response;
      const bytes = await readCapped(response, maxBytes, stop);
      return new Response(new Uint8Array(bytes), { status: status < 200 ? 502 : status, headers });
    };
  }
}

export const ENDPOINT_FIX = "check that it runs, and ENGRAM_EMBED_URL, ENGRAM_EMBED_MODEL and ENGRAM_EMBED_KEY";

/** Never quotes the endpoint: it may repeat the texts, or the key. */
function failureOf(cause: unknown): EngramError {
  const { status, code } = (cause ?? {}) as { readonly status?: unknown; readonly code?: unknown };
  if (status === 413 || code === "context_length_exceeded") {
    return new EngramError("EMBED_TOO_LONG", "the endpoint's model takes no texts of this length", {
      fix: "split the text",
      cause,
    });
  }
  const retryable = status === 429 || status === undefined || (typeof status === "number" && status >= 500);
  const what = typeof status === "number" ? `answered with status ${status}` : "did not answer in time, or not at all";
  return new EngramError("EMBEDDER_FAILED", `the embedding endpoint ${what}`, {
    fix: status === 429 ? "wait a little: it takes no more texts at the moment" : ENDPOINT_FIX,
    ...(retryable ? { retryAfterMs: 5_000 } : {}),
    cause,
  });
}
