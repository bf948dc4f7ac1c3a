import type { Hotkey } from "../../src/crypto/ss58.ts";
import type { ChainClient, Neuron } from "../../src/node/ports.ts";

/** A test's chain: a metagraph that stands still. */
export class FixedChain implements ChainClient {
  neurons: readonly Neuron[];
  answers = true;

  constructor(neurons: readonly Neuron[] = []) {
    this.neurons = neurons;
  }

  async identity(): Promise<string> {
    return "local:test";
  }

  async head(): Promise<{ readonly number: number; readonly hash: string }> {
    return { number: 123, hash: `0x${"00".repeat(32)}` };
  }

  async metagraph(): Promise<{ readonly block: number; readonly neurons: readonly Neuron[] }> {
    if (!this.answers) throw new Error("no answer");
    return { block: 123, neurons: this.neurons };
  }

  async uidOf(hotkey: Hotkey): Promise<number | null> {
    return this.neurons.find((neuron) => neuron.hotkey === hotkey)?.uid ?? null;
  }

  async register(): Promise<number> {
    throw new Error("not in this test");
  }

  async serveAxon(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}
