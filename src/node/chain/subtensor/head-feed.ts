import type { BlockRef } from "../../ports.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { EndpointPool } from "./endpoint-pool.ts";
import { RpcRefusal } from "./json-rpc-socket.ts";

/** So often a chain is asked whose subscription is silent, or that has none. */
const LOOK_MS = { subscribed: 15_000, unsubscribed: 3_000 } as const;

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
    const held = await pool
      .subscribe(SUBSCRIPTIONS[this.#options.of], () => this.#wake(), signal)
      .catch(noSubscription);
    if (!held) return;
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
    const ms = LOOK_MS[this.#held && !this.#held.ended.aborted ? "subscribed" : "unsubscribed"];
    const slept = this.#deps.clock.sleep(ms, AbortSignal.any([signal, done.signal]));
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

/** A node that refuses to tell of its own accord is asked time and again. */
function noSubscription(error: unknown): undefined {
  if (error instanceof RpcRefusal) return undefined;
  throw error;
}
