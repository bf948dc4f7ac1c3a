import { hash } from "node:crypto";
import type { Hotkey } from "../../../src/crypto/ss58.ts";
import type { BlockRef, Metagraph, Neuron } from "../../../src/node/ports.ts";
import { FixedChain } from "../../support/fixed-chain.ts";
import type { VirtualTime } from "./virtual-time.ts";

const BLOCK_MS = 12_000;
const FINALITY_BLOCKS = 3;

/** What all nodes' chains come from: a block every 12 s, and voters that may change once. */
export interface Ledger {
  readonly id: string;
  readonly time: VirtualTime;
  readonly beganAt: number;
  neuronsAt(block: number): readonly Neuron[];
}

/** The ledger as one node sees it, some blocks late. */
export class RoundChain extends FixedChain {
  readonly #ledger: Ledger;
  readonly #lateBlocks: number;

  constructor(ledger: Ledger, lateBlocks: number) {
    super();
    this.#ledger = ledger;
    this.#lateBlocks = lateBlocks;
  }

  override async identity(): Promise<string> {
    return `local:${this.#ledger.id}`;
  }

  override async head(): Promise<BlockRef> {
    return this.#block(this.#head);
  }

  override async finalized(): Promise<BlockRef> {
    return this.#block(Math.max(0, this.#head - FINALITY_BLOCKS));
  }

  override async blockHash(number: number): Promise<string | null> {
    return number <= this.#head ? this.#block(number).hash : null;
  }

  override async metagraph(atBlock?: number): Promise<Metagraph> {
    const { number, hash: own } = atBlock === undefined ? await this.finalized() : this.#block(atBlock);
    return { block: number, hash: own, neurons: this.#ledger.neuronsAt(number) };
  }

  get #head(): number {
    const { time, beganAt } = this.#ledger;
    return Math.max(0, Math.floor((time.now() - beganAt) / BLOCK_MS) - this.#lateBlocks);
  }

  #block(number: number): BlockRef {
    return { number, hash: `0x${hash("sha256", `${this.#ledger.id}:${number}`)}` };
  }
}

/** An address on this machine that nobody else has: nothing listens there. */
export function urlOf(hotkey: Hotkey): string {
  const [second, third, fourth] = hash("sha256", hotkey, "buffer");
  return `http://127.${second}.${third}.${fourth}:8091`;
}
