import { LRUCache } from "lru-cache";
import { EngramError } from "../../crypto/errors.ts";
import type { Embedder, EmbeddingProfile, EmbedOptions } from "../ports.ts";
import { untilAborted } from "../runtime/until-aborted.ts";
import { type EmbedJob, EmbedQueue } from "./embed-queue.ts";
import { EmbedWorkerThread, type StartWorker } from "./embed-worker-thread.ts";
import { checkText, closed } from "./text-rules.ts";

export interface ThreadOptions {
  /** Vectors kept by text, 2 kB each. */
  readonly cacheEntries?: number;
  /** Texts that may wait at once. */
  readonly queueLimit?: number;
  /** For one text, loading the model included. */
  readonly deadlineMs?: number;
  /** Each holds the model for itself; default 1. */
  readonly threads?: number;
}

/** What runs in the threads, and what to say of it. */
export interface ThreadModel {
  readonly profile: EmbeddingProfile;
  readonly startWorker: StartWorker;
  /** In errors: "the built-in model". */
  readonly name: string;
  /** Where its answers are damaged. */
  readonly repair: string;
}

/**
 * A model in worker threads that start at the first text. The same text always gives the same bits, whatever is embedded
 * beside it.
 */
export class ThreadEmbedder implements Embedder {
  readonly profile: EmbeddingProfile;
  readonly #model: ThreadModel;
  readonly #cache: LRUCache<string, Float32Array>;
  readonly #queue: EmbedQueue;
  /** Those that wait for a text. */
  readonly #idle: EmbedWorkerThread[];
  readonly #threads: readonly EmbedWorkerThread[];
  readonly #running = new Map<string, EmbedJob>();
  readonly #work = new Set<Promise<void>>();
  #waking = false;
  #closed = false;

  constructor(model: ThreadModel, options: ThreadOptions = {}) {
    this.profile = model.profile;
    this.#model = model;
    this.#cache = new LRUCache({ max: options.cacheEntries ?? 2_048 });
    this.#queue = new EmbedQueue({ limit: options.queueLimit ?? 10_000 });
    const thread = () => new EmbedWorkerThread({ deadlineMs: options.deadlineMs ?? 60_000, name: model.name }, model);
    this.#threads = Array.from({ length: options.threads ?? 1 }, thread);
    this.#idle = [...this.#threads];
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
      if (jobs.length > 0) this.#wake();
      const found = await (options.signal ? untilAborted(Promise.all(vectors), options.signal) : Promise.all(vectors));
      return found.map((vector) => vector.slice());
    } finally {
      for (const job of jobs) this.#queue.leave(job);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#queue.fail(closed());
    for (const job of this.#running.values()) job.result.reject(closed());
    await Promise.all(this.#threads.map((thread) => thread[Symbol.asyncDispose]()));
    await Promise.all(this.#work);
  }

  #join(text: string, priority: NonNullable<EmbedOptions["priority"]>): EmbedJob {
    const running = this.#running.get(text);
    if (!running) return this.#queue.add(text, priority);
    running.waiters++;
    return running;
  }

  /** Callers of the same turn of the event loop are ordered by their priority before the first text leaves. */
  #wake(): void {
    if (this.#waking) return;
    this.#waking = true;
    setImmediate(() => {
      this.#waking = false;
      this.#next();
    });
  }

  #next(): void {
    while (this.#idle.length > 0) {
      const job = this.#queue.take();
      const thread = job && this.#idle.pop();
      if (!thread) return;
      const work: Promise<void> = this.#embedOne(job, thread).finally(() => {
        this.#work.delete(work);
        this.#idle.push(thread);
        this.#next();
      });
      this.#work.add(work);
    }
  }

  async #embedOne(job: EmbedJob, thread: EmbedWorkerThread): Promise<void> {
    this.#running.set(job.text, job);
    try {
      const vector = this.#checked(await thread.run(job.text));
      this.#cache.set(job.text, vector);
      job.result.resolve(vector);
    } catch (error) {
      job.result.reject(this.#closed ? closed() : error);
    } finally {
      this.#running.delete(job.text);
    }
  }

  /** A model that answers with anything but a finite vector of its length must not reach a store. */
  #checked(vector: Float32Array): Float32Array {
    if (vector.length === this.profile.dim && vector.every(Number.isFinite)) return vector;
    const { name, repair } = this.#model;
    throw new EngramError("EMBEDDER_FAILED", `${name} answered with a damaged vector`, { fix: repair });
  }
}
