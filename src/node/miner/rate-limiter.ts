import { LRUCache } from "lru-cache";

export interface RateLimiterOptions {
  readonly maxRequests: number;
  readonly windowMs: number;
  /** Keys remembered; the least recently seen is forgotten first. */
  readonly maxKeys: number;
}

/** The times of one key's requests, the oldest at `first`: cut off only now and then, for cutting moves all others. */
interface Times {
  readonly list: number[];
  first: number;
}

/** A sliding window per key (spec 9.3): refused requests are not counted, one exactly a window old still is. */
export class RateLimiter {
  readonly #options: RateLimiterOptions;
  readonly #times: LRUCache<string, Times>;

  constructor(options: RateLimiterOptions) {
    this.#options = options;
    this.#times = new LRUCache({ max: options.maxKeys });
  }

  /**
   * Counts a request of `key` at `now` (ms), as `cost` of them: 0 when it is allowed, else the milliseconds until one
   * will be.
   */
  take(key: string, now: number, cost = 1): number {
    const { maxRequests, windowMs } = this.#options;
    const times = this.#times.get(key) ?? { list: [], first: 0 };
    forget(times, now - windowMs);
    const tooMany = times.list.length - times.first + Math.min(cost, maxRequests) - maxRequests;
    if (tooMany > 0) {
      const freed = times.list[times.first + tooMany - 1] ?? now;
      // A clock that was set back must not lock anybody out for longer than a window.
      return Math.min(freed + windowMs - now, windowMs) + 1;
    }
    for (let count = 0; count < cost; count += 1) times.list.push(now);
    this.#times.set(key, times);
    return 0;
  }
}

function forget(times: Times, before: number): void {
  const { list } = times;
  while (times.first < list.length && (list[times.first] as number) < before) times.first += 1;
  if (times.first <= list.length / 2) return;
  list.splice(0, times.first);
  times.first = 0;
}
