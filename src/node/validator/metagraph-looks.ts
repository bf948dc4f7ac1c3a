import type { Hotkey } from "../../crypto/ss58.ts";
import type { ChainClient, Metagraph } from "../ports.ts";
import type { Clock } from "../runtime/clock.ts";

/** Looks at the chain for what anybody sends, in so many milliseconds. */
const MAX_LOOKS = 32;
const LOOKS_MS = 10_000;

interface Deps {
  readonly chain: Pick<ChainClient, "metagraph">;
  readonly clock: Pick<Clock, "now">;
  /** Whose calls are worth a look of their own, by the metagraph given. */
  readonly isPermitted: (hotkey: Hotkey, metagraph: Metagraph) => boolean;
}

/**
 * Reads the metagraph for callers. Anybody makes keys: beyond so many looks only who was permitted by the last one is
 * worth another, and strangers are judged by what was seen then.
 */
export class MetagraphLooks {
  readonly #deps: Deps;
  #known: Metagraph | undefined;
  #looks = { since: 0, count: 0 };

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** By the last look; false before the first one. */
  wasPermitted(hotkey: Hotkey): boolean {
    return this.#known !== undefined && this.#deps.isPermitted(hotkey, this.#known);
  }

  /** What `caller` is judged by. Errors: those of the chain. */
  async for(caller: Hotkey): Promise<Metagraph> {
    const { chain, clock } = this.#deps;
    const now = clock.now();
    if (Math.abs(now - this.#looks.since) >= LOOKS_MS) this.#looks = { since: now, count: 0 };
    if (this.#known && this.#looks.count >= MAX_LOOKS && !this.wasPermitted(caller)) return this.#known;
    this.#looks.count += 1;
    this.#known = await chain.metagraph();
    return this.#known;
  }
}
