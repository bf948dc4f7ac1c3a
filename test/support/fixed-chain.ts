import type { Hotkey } from "../../src/crypto/ss58.ts";
import type {
  BlockRef,
  ChainClient,
  Metagraph,
  Neuron,
  WeightRow,
  WeightsSubmission,
  WeightsTerms,
} from "../../src/node/ports.ts";

/** A test's chain: a metagraph that stands still. */
export class FixedChain implements ChainClient {
  neurons: readonly Neuron[];
  answers = true;
  readonly #block: BlockRef = { number: 123, hash: `0x${"00".repeat(32)}` };

  constructor(neurons: readonly Neuron[] = []) {
    this.neurons = neurons;
  }

  async identity(): Promise<string> {
    return "local:test";
  }

  async head(): Promise<BlockRef> {
    return this.#block;
  }

  async finalized(): Promise<BlockRef> {
    return this.#block;
  }

  async blockHash(number: number): Promise<string | null> {
    return number <= this.#block.number ? this.#block.hash : null;
  }

  async metagraph(): Promise<Metagraph> {
    if (!this.answers) throw new Error("no answer");
    return { block: this.#block.number, hash: this.#block.hash, neurons: this.neurons };
  }

  async uidOf(hotkey: Hotkey): Promise<number | null> {
    return this.neurons.find((neuron) => neuron.hotkey === hotkey)?.uid ?? null;
  }

  async register(): Promise<number> {
    throw new Error("not in this test");
  }

  async serveAxon(): Promise<void> {}

  async setWeights(): Promise<WeightsSubmission> {
    throw new Error("not in this test");
  }

  async readBack(): Promise<"waiting" | "counts"> {
    return "waiting";
  }

  async weightsTerms(): Promise<WeightsTerms> {
    return { head: this.#block.number, tempo: 20, rateLimit: 20, lastSet: null, commitReveal: false };
  }

  async weights(): Promise<ReadonlyMap<number, WeightRow>> {
    return new Map();
  }

  async setCommitment(): Promise<BlockRef> {
    throw new Error("not in this test");
  }

  async commitment(): Promise<Uint8Array | null> {
    return null;
  }

  onHead(listener: (head: BlockRef) => void): void {
    listener(this.#block);
  }

  async waitForBlock(): Promise<BlockRef> {
    return this.#block;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
