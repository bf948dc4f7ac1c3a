import type { BlockRef } from "../../ports.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { EndpointPool } from "./endpoint-pool.ts";

/** So often a chain whose subscription is silent is asked all the same. */
const LOOK_MS = 15_000;

const SUBSCRIPTIONS = {
  heads: { method: "chain_subscribeNewHeads", unsubscribe: "chain_unsubscribeNewHeads" },
  finalized: { method: "chain_subscribeFinalizedHeads", unsubscribe: "chain_unsubscribeFinalizedHeads" },
} as const;

interface Options {
  readonly of: keyof typeof SUBSCRIPTIONS;
  readonly read: (signal: AbortSignal) => Promise<BlockRef>;
}

interface Deps {
  readonly pool: EndpointPool;
  readonly clock: Clock;
}

/**
 * Tells when the chain has another head, or another finalized block. One subscription wakes everybody who waits; what
 * they are told is read anew, so that a silent or lost subscription delays and never deceives.
 */
export class HeadFeed implements Disposable {
  readonly #options: Options;
  readonly #deps: Deps;
  #held: (Disposable & { readonly ended: AbortSignal }) | undefined;
  #changed = Promise.withResolvers<void>();

  constructor(options: Options, deps: Deps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Resolves with the block once it is another than `seen`. Rejects with the signal's reason, or when nobody answers. */
  async next(seen: BlockRef | null, signal: AbortSignal): Promise<BlockRef> {
    for (;;) {
      signal.throwIfAborted();
      await this.#subscribed(signal);
      // Taken before looking, so that a change in between is not missed.
      const changed = this.#changed.promise;
      const block = await this.#options.read(signal);
      if (block.number !== seen?.number || block.hash !== seen.hash) return block;
      await this.#pause(changed, signal);
    }
  }

  async #subscribed(signal: AbortSignal): Promise<void> {
    if (this.#held && !this.#held.ended.aborted) return;
    const { pool } = this.#deps;
    const held = await pool.subscribe(SUBSCRIPTIONS[this.#options.of], () => this.#wake(), signal);
    if (this.#held && !this.#held.ended.aborted) return held[Symbol.dispose]();
    this.#held = held;
    held.ended.addEventListener("abort", () => this.#wake(), { once: true });
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async #pause(changed: Promise<void>, signal: AbortSignal): Promise<void> {
    const done = new AbortController();
    const slept = this.#deps.clock.sleep(LOOK_MS, AbortSignal.any([signal, done.signal]));
    try {
      await Promise.race([changed, slept]);
    } finally {
      slept.catch(() => undefined);
      done.abort();
    }
  }

  [Symbol.dispose](): void {
    this.#held?.[Symbol.dispose]();
  }
}
