import { LRUCache } from "lru-cache";
import { EngramError } from "../../crypto/errors.ts";
import type { Embedder, EmbeddingProfile, EmbedOptions } from "../ports.ts";
import { type EmbedJob, EmbedQueue } from "./embed-queue.ts";
import { EmbedWorkerThread, type StartWorker } from "./embed-worker-thread.ts";

export const USE_LITE_PROFILE = {
  model: "use-lite-512",
  dim: 512,
  normalized: true,
} as const satisfies EmbeddingProfile;

/** The 8,192 code points of a record (spec 8.1) in UTF-16 units; the model reads the first 128 word pieces of them. */
export const MAX_EMBED_CHARS = 16_384;

interface UseLiteOptions {
  /** Vectors kept by text, 2 kB each. */
  readonly cacheEntries?: number;
  /** Texts that may wait at once. */
  readonly queueLimit?: number;
  /** For one text, loading the model included. */
  readonly deadlineMs?: number;
}

/**
 * The built-in model: Universal Sentence Encoder Lite, English, 512-d unit vectors, in a worker thread that starts at
 * the first text. The same text always gives the same bits, whatever is embedded beside it.
 */
export class UseLiteEmbedder implements Embedder {
  readonly profile = USE_LITE_PROFILE;
  readonly #cache: LRUCache<string, Float32Array>;
  readonly #queue: EmbedQueue;
  readonly #thread: EmbedWorkerThread;
  #running: EmbedJob | undefined;
  #pump: Promise<void> | undefined;
  #closed = false;

  constructor(options: UseLiteOptions = {}, deps: { readonly startWorker?: StartWorker } = {}) {
    this.#cache = new LRUCache({ max: options.cacheEntries ?? 2_048 });
    this.#queue = new EmbedQueue({ limit: options.queueLimit ?? 10_000 });
    this.#thread = new EmbedWorkerThread({ deadlineMs: options.deadlineMs ?? 60_000 }, deps);
  }

  /**
   * One unit vector per text, in order, each the caller's own copy (M-W34). Errors: `EMBED_EMPTY`, `EMBED_TOO_LONG`,
   * `EMBEDDER_BUSY`, `EMBEDDER_FAILED`, `EMBEDDER_CLOSED`, or the signal's reason.
   */
  async embed(texts: readonly string[], options: EmbedOptions = {}): Promise<Float32Array[]> {
    if (this.#closed) throw closed();
    options.signal?.throwIfAborted();
    for (const text of texts) checkText(text);
    const priority = options.priority ?? "interactive";
    const jobs: EmbedJob[] = [];
    try {
      const vectors = texts.map((text) => {
        const cached = this.#cache.get(text);
        if (cached) return cached;
        const job = this.#join(text, priority);
        jobs.push(job);
        return job.result.promise;
      });
      if (jobs.length > 0) this.#pump ??= this.#run();
      const found = await withSignal(Promise.all(vectors), options.signal);
      return found.map((vector) => vector.slice());
    } finally {
      for (const job of jobs) this.#queue.leave(job);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#queue.fail(closed());
    this.#running?.result.reject(closed());
    await this.#thread[Symbol.asyncDispose]();
    await this.#pump;
  }

  #join(text: string, priority: NonNullable<EmbedOptions["priority"]>): EmbedJob {
    if (this.#running?.text !== text) return this.#queue.add(text, priority);
    this.#running.waiters++;
    return this.#running;
  }

  async #run(): Promise<void> {
    // Callers of the same turn of the event loop are ordered by their priority before the first text leaves.
    await new Promise((resolve) => setImmediate(resolve));
    for (let job = this.#queue.take(); job; job = this.#queue.take()) await this.#embedOne(job);
    this.#pump = undefined;
  }

  async #embedOne(job: EmbedJob): Promise<void> {
    this.#running = job;
    try {
      const vector = checkVector(await this.#thread.run(job.text));
      this.#cache.set(job.text, vector);
      job.result.resolve(vector);
    } catch (error) {
      job.result.reject(this.#closed ? closed() : error);
    } finally {
      this.#running = undefined;
    }
  }
}

function checkText(text: string): void {
  if (text.trim() === "") {
    throw new EngramError("EMBED_EMPTY", "an empty text has no meaning to embed", { fix: "give a text with words" });
  }
  if (text.length > MAX_EMBED_CHARS) {
    throw new EngramError("EMBED_TOO_LONG", `a text of ${text.length} characters is too long to embed at once`, {
      fix: `split it into parts of at most ${MAX_EMBED_CHARS} characters`,
    });
  }
}

/** A model that answers with anything but a finite vector of its length must not reach a store. */
function checkVector(vector: Float32Array): Float32Array {
  if (vector.length !== USE_LITE_PROFILE.dim || !vector.every(Number.isFinite)) {
    throw new EngramError("EMBEDDER_FAILED", "the built-in model answered with a damaged vector", {
      fix: "`npm ci` repairs damaged model files",
    });
  }
  return vector;
}

function closed(): EngramError {
  return new EngramError("EMBEDDER_CLOSED", "the embedder was closed");
}

function withSignal<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  return Promise.race([work, promise]).finally(() => signal.removeEventListener("abort", onAbort));
}
