import { createHash } from "node:crypto";
import type { Hotkey } from "../../../crypto/ss58.ts";
import type { ChainClient, Neuron } from "../../ports.ts";
import { type Clock, systemClock } from "../../runtime/clock.ts";
import { StoreWorker } from "../../runtime/store-worker.ts";
import { workerUrl } from "../../runtime/worker-url.ts";
import type { Genesis, LocalChainOperations } from "./local-chain-operations.ts";

/** As on the real chain. */
const BLOCK_MS = 12_000;

export interface LocalChainOptions {
  /** The SQLite file: processes that open the same one share the chain. */
  readonly path: string;
  readonly clock?: Clock;
}

/**
 * A simulated chain on one machine: real uids and addresses, blocks by the clock, no stake. Its identity is random and
 * kept in the file, so that nothing signed for it counts elsewhere.
 *
 * Errors: `CHAIN_KEY_INVALID`, `CHAIN_COLDKEY`, `CHAIN_FULL`, `CHAIN_NOT_REGISTERED`, `CHAIN_ENDPOINT`, and the
 * `STORE_…` errors of `StoreWorker`.
 */
export class LocalChain implements ChainClient {
  readonly #worker: StoreWorker<LocalChainOperations>;
  readonly #clock: Clock;
  #genesis: Genesis | undefined;
  #highest = 0;

  constructor({ path, clock = systemClock }: LocalChainOptions) {
    const url = workerUrl("local-chain-worker", import.meta.url);
    this.#worker = new StoreWorker({ url, workerData: { path, now: clock.now() } });
    this.#clock = clock;
  }

  async identity(): Promise<string> {
    return (await this.#begin()).identity;
  }

  async head(): Promise<{ readonly number: number; readonly hash: string }> {
    const { identity, at } = await this.#begin();
    // A clock that is set back must not take blocks away.
    this.#highest = Math.max(this.#highest, Math.floor((this.#clock.now() - at) / BLOCK_MS));
    const number = this.#highest;
    return { number, hash: `0x${createHash("sha256").update(`${identity}:${number}`).digest("hex")}` };
  }

  async metagraph(): Promise<{ readonly block: number; readonly neurons: readonly Neuron[] }> {
    const { number } = await this.head();
    return { block: number, neurons: await this.#worker.call("neurons", null) };
  }

  async uidOf(hotkey: Hotkey): Promise<number | null> {
    return await this.#worker.call("uidOf", { hotkey });
  }

  async register(hotkey: Hotkey, coldkey: Hotkey): Promise<number> {
    return await this.#worker.call("register", { hotkey, coldkey });
  }

  async serveAxon(hotkey: Hotkey, endpoint: string): Promise<void> {
    await this.#worker.call("serveAxon", { hotkey, endpoint });
  }

  async #begin(): Promise<Genesis> {
    this.#genesis ??= await this.#worker.call("genesis", null);
    return this.#genesis;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker[Symbol.asyncDispose]();
  }
}
