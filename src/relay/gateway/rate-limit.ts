import { LRUCache } from "lru-cache";

/** Requests an address may send at once, and how many come back every second. */
export interface RateLimit {
  readonly burst: number;
  readonly perSecond: number;
}

const MAX_ADDRESSES = 10_000;

/** A token bucket per address. */
export class AddressLimiter {
  readonly #limit: RateLimit;
  readonly #buckets = new LRUCache<string, { readonly tokens: number; readonly at: number }>({ max: MAX_ADDRESSES });

  constructor(limit: RateLimit) {
    this.#limit = limit;
  }

  /** Counts a request of `address` at `now` (ms): 0 when it may go on, else the seconds to wait. */
  take(address: string, now: number): number {
    const { burst, perSecond } = this.#limit;
    const last = this.#buckets.get(address) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, last.tokens + (Math.max(0, now - last.at) / 1_000) * perSecond);
    const left = tokens < 1 ? tokens : tokens - 1;
    this.#buckets.set(address, { tokens: left, at: now });
    return tokens < 1 ? Math.ceil((1 - tokens) / perSecond) : 0;
  }
}
