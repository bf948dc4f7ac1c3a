import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeHotkey } from "../../src/crypto/ss58.ts";
import type { HttpClient } from "../../src/node/runtime/http-client.ts";
import type { GroundTruthEntry } from "../../src/node/validator/ground-truth/entry.ts";
import { GroundTruthSet } from "../../src/node/validator/ground-truth/ground-truth-set.ts";
import { measureMiners } from "../../src/node/validator/measure-miners.ts";
import type { ValidatorStore } from "../../src/node/validator/store/validator-store.ts";
import type { CallableMiner, Measurement } from "../../src/node/validator/visit-miner.ts";
import { sr25519, TestKey } from "../miner/miner-under-test.ts";
import { quiet } from "../support/client-bench.ts";
import { FixedChain } from "../support/fixed-chain.ts";
import { type ScriptedCall, ScriptedMiner, ScriptedNetwork } from "../support/scripted-miner.ts";
import { TestClock } from "../support/test-clock.ts";
import { validatorStoreHere } from "../support/validator-store-here.ts";

/** Dimensions of what is measured with here. */
export const DIM = 16;

type Answer = ScriptedMiner["answer"];

/** A validator's measuring over a scripted network. */
export class MeasuringBench implements AsyncDisposable {
  readonly network = new ScriptedNetwork();
  readonly clock = new TestClock();
  readonly miners: CallableMiner[] = [];
  /** Every call as it was made. */
  readonly seen: (ScriptedCall & { readonly uid: number })[] = [];
  readonly store: ValidatorStore;
  readonly deps;
  readonly #folder: string;

  private constructor(folder: string, store: ValidatorStore) {
    this.#folder = folder;
    this.store = store;
    const key = new TestKey();
    const publicKey = decodeHotkey(key.hotkey) ?? new Uint8Array();
    const identity = { hotkey: key.hotkey, publicKey, sign: (message: Uint8Array) => key.sign(message) };
    const { signal } = new AbortController();
    const chain = new FixedChain();
    this.deps = { identity, clock: this.clock, signal, store, chain, sr25519, logger: quiet };
  }

  static async start(): Promise<MeasuringBench> {
    const folder = await mkdtemp(join(tmpdir(), "engram-measuring-"));
    return new MeasuringBench(folder, await validatorStoreHere(join(folder, "validator.db")));
  }

  /** A miner that answers as an honest one does, where `change` leaves it. */
  add(change: (honest: Answer, call: ScriptedCall) => ReturnType<Answer> = (honest, call) => honest(call)) {
    const uid = this.miners.length;
    const { hotkey } = new TestKey();
    const endpoint = `http://127.0.0.1:${20_000 + uid}`;
    const miner = new ScriptedMiner(hotkey, { latencyMs: () => 50 });
    this.network.nodes.set(endpoint, (call) => {
      this.seen.push({ ...call, uid });
      return change(miner.answer, call);
    });
    this.miners.push({ uid, hotkey, endpoint, stakeTao: 0 });
    return { hotkey, uid, miner };
  }

  /** One round; the measurements in the order of the miners. */
  async measure(
    entries: readonly GroundTruthEntry[] = [],
    http: HttpClient = this.network,
  ): Promise<readonly Measurement[]> {
    this.clock.time += 600_000;
    const groundTruth = new GroundTruthSet(entries, DIM);
    return await measureMiners({ ...this.deps, http, embeddingDim: DIM, groundTruth }, this.miners);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true });
  }
}
