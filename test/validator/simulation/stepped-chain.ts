import type { Hotkey } from "../../../src/crypto/ss58.ts";
import type { BlockRef, Metagraph, WeightRow, WeightsSubmission, WeightsTerms } from "../../../src/node/ports.ts";
import { FixedChain } from "../../support/fixed-chain.ts";

/** A chain of standing neurons whose blocks come when a test says so; weights count at once. */
export class SteppedChain extends FixedChain {
  readonly rows = new Map<number, WeightRow>();
  readonly #set = new Map<number, number>();
  #number = 1;

  step(blocks: number): void {
    this.#number += blocks;
  }

  override async head(): Promise<BlockRef> {
    return blockAt(this.#number);
  }

  override finalized(): Promise<BlockRef> {
    return this.head();
  }

  override async blockHash(number: number): Promise<string | null> {
    return number <= this.#number ? blockAt(number).hash : null;
  }

  override async metagraph(atBlock = this.#number): Promise<Metagraph> {
    return { block: atBlock, hash: blockAt(atBlock).hash, neurons: this.neurons };
  }

  override async setWeights(hotkey?: Hotkey, weights?: ReadonlyMap<number, number>): Promise<WeightsSubmission> {
    const uid = this.neurons.find((neuron) => neuron.hotkey === hotkey)?.uid ?? -1;
    const largest = Math.max(...(weights ?? new Map([[0, 0]])).values());
    const row = new Map([...(weights ?? [])].map(([at, weight]) => [at, Math.round((weight / largest) * 65_535)]));
    this.rows.set(uid, row);
    this.#set.set(uid, this.#number);
    return { path: "set", block: await this.head(), uid, row, revealBlock: null, revealBlocks: 0 };
  }

  override async weightsTerms(hotkey?: Hotkey): Promise<WeightsTerms> {
    const uid = this.neurons.find((neuron) => neuron.hotkey === hotkey)?.uid ?? -1;
    const lastSet = this.#set.get(uid) ?? null;
    return { head: this.#number, tempo: 20, rateLimit: 20, lastSet, commitReveal: false };
  }

  override async readBack(): Promise<"counts"> {
    return "counts";
  }

  override async weights(): Promise<ReadonlyMap<number, WeightRow>> {
    return this.rows;
  }
}

function blockAt(number: number): BlockRef {
  return { number, hash: `0x${number.toString(16).padStart(64, "0")}` };
}
