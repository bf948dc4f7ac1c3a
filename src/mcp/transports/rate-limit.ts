import { LRUCache } from "lru-cache";

export interface RateLimit {
  /** Requests a caller may send at once. */
  readonly burst: number;
  readonly perSecond: number;
}

interface Bucket {
  readonly tokens: number;
  readonly at: number;
}

/** Callers remembered at once; one that is forgotten starts with a full burst. */
const maxCallers = 10_000;

/** A token bucket per caller: a replaying loop is slowed down, others do not notice. */
export class RateLimiter {
  readonly #limit: RateLimit;
  readonly #now: () => number;
  readonly #buckets = new LRUCache<string, Bucket>({ max: maxCallers });

  constructor(limit: RateLimit, now: () => number) {
    this.#limit = limit;
    this.#now = now;
  }

  /** 0 when the request may go on, else the milliseconds to wait. */
  take(caller: string): number {
    const { burst, perSecond } = this.#limit;
    const at = this.#now();
    const last = this.#buckets.get(caller) ?? { tokens: burst, at };
    const tokens = Math.min(burst, last.tokens + (Math.max(0, at - last.at) / 1000) * perSecond);
    if (tokens < 1) {
      this.#buckets.set(caller, { tokens, at });
      return Math.ceil(((1 - tokens) / perSecond) * 1000);
    }
    this.#buckets.set(caller, { tokens: tokens - 1, at });
    return 0;
  }
}
