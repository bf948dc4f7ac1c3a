import { LRUCache } from "lru-cache";
import PQueue from "p-queue";
import { EngramError } from "../../crypto/errors.ts";
import type { Embedder, EmbeddingProfile, EmbedOptions } from "../ports.ts";
import type { EmbeddingBudget } from "./embedding-budget.ts";
import { EmbeddingEndpoint, ENDPOINT_FIX } from "./embedding-endpoint.ts";
import type { EndpointSettings } from "./embedding-settings.ts";
import { busy, checkText, closed } from "./text-rules.ts";

interface Options {
  readonly queueLimit?: number;
  readonly cacheEntries?: number;
  /** Of one attempt. */
  readonly deadlineMs?: number;
  /** Of all attempts for somebody who waits. */
  readonly patienceMs?: number;
}

interface Deps {
  /** Asked before every request that costs something. */
  readonly budget?: EmbeddingBudget;
}

/** TEI takes no more by default. */
const TEXTS_PER_REQUEST = 32;
/** Of those somebody waits for, and of those that follow a durable write: neither kind waits for the other. */
const REQUESTS_AT_ONCE = 2;
/** So long somebody waits, all attempts together: a question is answered by words alone then. */
const PATIENCE_MS = 15_000;

/**
 * Vectors from an OpenAI-compatible endpoint, brought to unit length. The texts leave this process for it in clear. Vectors
 * are checked before anybody sees one: their number, dimension, and that each is finite and points somewhere.
 */
export class EndpointEmbedder implements Embedder {
  readonly profile: EmbeddingProfile;
  readonly #endpoint: EmbeddingEndpoint;
  readonly #queues = {
    interactive: new PQueue({ concurrency: REQUESTS_AT_ONCE }),
    background: new PQueue({ concurrency: REQUESTS_AT_ONCE }),
  };
  readonly #cache: LRUCache<string, Float32Array>;
  readonly #queueLimit: number;
  readonly #patienceMs: number;
  readonly #closing = new AbortController();
  #waiting = 0;

  constructor(settings: EndpointSettings, options: Options = {}, deps: Deps = {}) {
    this.profile = { model: settings.model, dim: settings.dim, normalized: true };
    this.#endpoint = new EmbeddingEndpoint(settings, options, deps);
    this.#cache = new LRUCache({ max: options.cacheEntries ?? 2_048 });
    this.#queueLimit = options.queueLimit ?? 10_000;
    this.#patienceMs = options.patienceMs ?? PATIENCE_MS;
  }

  /**
   * As `Embedder.embed`. Errors: `EMBED_EMPTY`, `EMBED_TOO_LONG`, `EMBEDDER_BUSY`, `EMBEDDER_FAILED` (unreachable, late,
   * refused), `EMBEDDER_ANSWER` (not vectors of the profile), `EMBED_BUDGET`, `EMBEDDER_CLOSED`, or the signal's reason.
   */
  async embed(texts: readonly string[], options: EmbedOptions = {}): Promise<Float32Array[]> {
    if (this.#closing.signal.aborted) throw closed();
    options.signal?.throwIfAborted();
    for (const text of texts) checkText(text);
    const missing = [...new Set(texts)].filter((text) => !this.#cache.has(text));
    const fresh = new Map<string, Float32Array>();
    if (this.#waiting + missing.length > this.#queueLimit) throw busy();
    this.#waiting += missing.length;
    try {
      const found = texts.map((text) => this.#cache.get(text));
      await Promise.all(
        batches(missing).map(async (batch) => {
          for (const [place, vector] of (await this.#ask(batch, options)).entries()) {
            fresh.set(batch[place] as string, vector);
            this.#cache.set(batch[place] as string, vector);
          }
        }),
      );
      return texts.map((text, place) => (found[place] ?? (fresh.get(text) as Float32Array)).slice());
    } finally {
      this.#waiting -= missing.length;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(closed());
    await Promise.all(Object.values(this.#queues).map((queue) => queue.onIdle()));
    await this.#endpoint[Symbol.asyncDispose]();
  }

  async #ask(batch: readonly string[], { signal, priority = "interactive" }: EmbedOptions) {
    const asked = signal ? [signal, this.#closing.signal] : [this.#closing.signal];
    const late = new AbortController();
    const timer = priority === "interactive" ? setTimeout(() => late.abort(tooLate()), this.#patienceMs) : undefined;
    const stop = AbortSignal.any([...asked, late.signal]);
    const work = () => this.#endpoint.vectorsOf(batch, stop);
    const answer = await this.#queues[priority].add(work, { signal: stop }).finally(() => clearTimeout(timer));
    if (answer === undefined) throw new EngramError("EMBEDDER_FAILED", "the embedding endpoint was not asked");
    return answer;
  }
}

function tooLate(): EngramError {
  return new EngramError("EMBEDDER_FAILED", "the embedding endpoint did not answer in time, or not at all", {
    fix: ENDPOINT_FIX,
    retryAfterMs: 5_000,
  });
}

function batches(texts: readonly string[]): readonly (readonly string[])[] {
  const count = Math.ceil(texts.length / TEXTS_PER_REQUEST);
  return Array.from({ length: count }, (_, at) => texts.slice(at * TEXTS_PER_REQUEST, (at + 1) * TEXTS_PER_REQUEST));
}
