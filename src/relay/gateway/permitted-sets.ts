import { LRUCache } from "lru-cache";
import type { Metagraph } from "../../node/ports.ts";
import { type PermittedSet, permittedSet } from "../quorum.ts";
import type { ChainCheck, ChainState } from "./chain-check.ts";
import type { GatewayStore } from "./gateway-store.ts";
import { GatewayRefusal } from "./refusal.ts";

export interface PermittedSetsOptions {
  readonly netuid: number;
  readonly minStakeTao: number;
}

/** A set of 64 validators takes about 20 kB. */
const MAX_SETS = 64;
/** A subnet's epoch on the real chain is one block longer than its tempo of 360. */
const EPOCH_BLOCKS = 361;

/** The epoch of a block: permits are handed out anew at its end (Bittensor: `block + netuid + 1` by tempo and one). */
export function epochOf(block: number, netuid: number): number {
  return Math.floor((block + netuid + 1) / EPOCH_BLOCKS);
}

/**
 * Who might vote at finalized blocks. Nodes forget the state of old blocks within the hour: once an epoch the set is
 * kept as of a finalized head, and blocks of the epoch that the chain forgot are judged by that. Never as of a block that
 * a submission names: its sender would choose the set.
 */
export class PermittedSets {
  readonly #options: PermittedSetsOptions;
  readonly #deps: { readonly chain: ChainCheck; readonly store: GatewayStore };
  readonly #known = new LRUCache<string, PermittedSet>({ max: MAX_SETS });
  #kept = -1;

  constructor(options: PermittedSetsOptions, deps: { readonly chain: ChainCheck; readonly store: GatewayStore }) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Ask only for final blocks. Throws `GatewayRefusal` `validators_unknown`, `unavailable`. */
  async at(block: number, identity: string): Promise<PermittedSet> {
    const key = `${block}:${identity}`;
    const known = this.#known.get(key);
    if (known) return known;
    const found = (await this.#fromChain(block)) ?? (await this.#fromStore(block, identity));
    if (found === null) {
      throw new GatewayRefusal("validators_unknown", "who could vote at its block is not known here any more", 60);
    }
    const enough = this.#withStake(found);
    this.#known.set(key, enough);
    return enough;
  }

  /** Keeps the set of the epoch that is running; nothing when it is kept already. Errors as of `at`. */
  async snapshot({ finalized, identity }: ChainState): Promise<void> {
    if (epochOf(finalized.number, this.#options.netuid) === this.#kept) return;
    const set = await this.#fromChain(finalized.number);
    if (set === null) return;
    const epoch = epochOf(finalized.number, this.#options.netuid);
    await this.#deps.store.call("keepPermitted", { chain: identity, netuid: this.#options.netuid, epoch, set });
    this.#kept = epoch;
  }

  async #fromChain(block: number): Promise<PermittedSet | null> {
    const metagraph: Metagraph | null = await this.#deps.chain.pastMetagraph(block);
    // Whole, so that it serves whatever stake is asked for later.
    return metagraph && permittedSet(metagraph, 0);
  }

  async #fromStore(block: number, chain: string): Promise<PermittedSet | null> {
    const { netuid } = this.#options;
    return await this.#deps.store.call("permittedIn", { chain, netuid, epoch: epochOf(block, netuid) });
  }

  #withStake({ validators, ...at }: PermittedSet): PermittedSet {
    return { ...at, validators: validators.filter(({ stakeTao }) => stakeTao >= this.#options.minStakeTao) };
  }
}
