import { setTimeout as delay } from "node:timers/promises";

/** Time as the product sees it; tests pass one they can advance. */
export interface Clock {
  /** Unix time in milliseconds. */
  now(): number;
  /** Resolves after `ms`, or rejects with the signal's reason when aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    // Unreferenced: a background loop must never keep a process alive that has nothing else to do.
    await delay(ms, undefined, { ref: false, ...(signal ? { signal } : {}) });
  },
};
