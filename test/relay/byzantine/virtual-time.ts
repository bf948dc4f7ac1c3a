import { setImmediate as turn } from "node:timers/promises";
import type { Clock } from "../../../src/node/runtime/clock.ts";

interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** Time that jumps from one event to the next once nothing else is left to do. */
export class VirtualTime implements Clock {
  #now: number;
  #order = 0;
  readonly #events: Event[] = [];
  /** Work that is neither asleep nor done, where it may take more than one turn of the event loop. */
  busy = 0;

  constructor(now: number) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  /** Runs `work` so many milliseconds from now. */
  after(ms: number, work: () => void): () => void {
    const event = { at: this.#now + ms, order: this.#order++, run: work };
    const index = this.#events.findIndex(({ at }) => at > event.at);
    this.#events.splice(index < 0 ? this.#events.length : index, 0, event);
    return () => {
      const found = this.#events.indexOf(event);
      if (found >= 0) this.#events.splice(found, 1);
    };
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const cancel = this.after(ms, resolve);
    const abort = () => {
      cancel();
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", abort, { once: true });
    await promise.finally(() => signal?.removeEventListener("abort", abort));
  }

  /** Until nothing is left to happen, or `until` has passed. */
  async run(until: number): Promise<void> {
    for (;;) {
      // Everything that runs without waiting for time has run after this.
      do await turn();
      while (this.busy > 0);
      const next = this.#events.shift();
      if (!next || next.at > until) return;
      this.#now = next.at;
      next.run();
    }
  }
}
