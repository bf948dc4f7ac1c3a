import type { EmbedOptions } from "../ports.ts";
import { busy } from "./text-rules.ts";

type Priority = NonNullable<EmbedOptions["priority"]>;

/** One text on its way to the model. Callers who ask for the same text while it waits share it. */
export interface EmbedJob {
  readonly text: string;
  readonly result: PromiseWithResolvers<Float32Array>;
  priority: Priority;
  waiters: number;
}

/**
 * Texts waiting for the model: interactive ones leave first, so that whoever waits for an answer waits for one
 * background text at most.
 */
export class EmbedQueue {
  readonly #waiting: Record<Priority, Map<string, EmbedJob>> = { interactive: new Map(), background: new Map() };
  readonly #limit: number;

  constructor(options: { readonly limit: number }) {
    this.#limit = options.limit;
  }

  get size(): number {
    return this.#waiting.interactive.size + this.#waiting.background.size;
  }

  /** Joins a waiting job of the same text, promoting it when this caller is more urgent. */
  add(text: string, priority: Priority): EmbedJob {
    const known = this.#waiting.interactive.get(text) ?? this.#waiting.background.get(text);
    const job = known ?? this.#create(text, priority);
    job.waiters++;
    if (known && priority === "interactive" && known.priority === "background") {
      this.#waiting.background.delete(text);
      known.priority = priority;
      this.#waiting.interactive.set(text, known);
    }
    return job;
  }

  /** A caller gave up; a job nobody waits for any more is not embedded. */
  leave(job: EmbedJob): void {
    job.waiters--;
    const queue = this.#waiting[job.priority];
    if (job.waiters === 0 && queue.get(job.text) === job) queue.delete(job.text);
  }

  /** The next text for the model. */
  take(): EmbedJob | undefined {
    for (const queue of [this.#waiting.interactive, this.#waiting.background]) {
      for (const job of queue.values()) {
        queue.delete(job.text);
        return job;
      }
    }
    return undefined;
  }

  /** Empties the queue, failing everybody who waits. */
  fail(error: unknown): void {
    for (const queue of Object.values(this.#waiting)) {
      for (const job of queue.values()) job.result.reject(error);
      queue.clear();
    }
  }

  #create(text: string, priority: Priority): EmbedJob {
    if (this.size >= this.#limit) throw busy();
    const job: EmbedJob = { text, priority, waiters: 0, result: Promise.withResolvers<Float32Array>() };
    // A caller who gave up leaves nobody to hear of a failure.
    job.result.promise.catch(() => undefined);
    this.#waiting[priority].set(text, job);
    return job;
  }
}
