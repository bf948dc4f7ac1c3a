import { LRUCache } from "lru-cache";

export interface RateLimiterOptions {
  readonly maxRequests: number;
  readonly windowMs: number;
  /** Keys remembered; the least recently seen is forgotten first. */
  readonly maxKeys: number;
}

/** A sliding window per key (spec 9.3): refused requests are not counted, one exactly a window old still is. */
export class RateLimiter {
  readonly #options: RateLimiterOptions;
  readonly #times: LRUCache<string, number[]>;

  constructor(options: RateLimiterOptions) {
    this.#options = options;
    this.#times = new LRUCache({ max: options.maxKeys });
  }

  /** Counts a request of `key` at `now` (ms): 0 when it is allowed, else the milliseconds until one will be. */
  take(key: string, now: number): number {
    const { maxRequests, windowMs } = this.#options;
    const times = this.#times.get(key) ?? [];
    const firstInside = times.findIndex((time) => time >= now - windowMs);
    times.splice(0, firstInside < 0 ? times.length : firstInside);
    const [oldest] = times;
    // A clock that was set back must not lock anybody out for longer than a window.
    if (oldest !== undefined && times.length >= maxRequests) return Math.min(oldest + windowMs - now, windowMs) + 1;
    times.push(now);
    this.#times.set(key, times);
    return 0;
  }
}
