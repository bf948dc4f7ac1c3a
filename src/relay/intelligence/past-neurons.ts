import { LRUCache } from "lru-cache";
import type { Metagraph } from "../../node/ports.ts";
import type { ChainCheck } from "../gateway/chain-check.ts";
import { GatewayRefusal } from "../gateway/refusal.ts";

/** A metagraph of 4,096 neurons takes about a megabyte. */
const MAX_BLOCKS = 32;

/** The neurons at finalized blocks, which nothing changes any more. */
export class PastNeurons {
  readonly #chain: ChainCheck;
  readonly #known = new LRUCache<string, Promise<Metagraph>>({ max: MAX_BLOCKS });

  constructor(chain: ChainCheck) {
    this.#chain = chain;
  }

  /** Ask only for blocks that are final. Throws `GatewayRefusal`. */
  async at(identity: string, block: number): Promise<Metagraph> {
    const key = `${block}:${identity}`;
    const known = this.#known.get(key);
    if (known) return await known;
    const asked = this.#ask(block);
    this.#known.set(key, asked);
    // What failed is asked again.
    asked.catch(() => this.#known.delete(key));
    return await asked;
  }

  async #ask(block: number): Promise<Metagraph> {
    const found = await this.#chain.pastMetagraph(block);
    if (found !== null) return found;
    throw new GatewayRefusal("validators_unknown", "the chain keeps the state of that block no more");
  }
}
