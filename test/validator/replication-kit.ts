import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { decodeHotkey } from "../../src/crypto/ss58.ts";
import { placesOf } from "../../src/crypto/xor-placement.ts";
import { servingMiners } from "../../src/node/chain/serving-miners.ts";
import { type Neuron, PUBLIC_NAMESPACE } from "../../src/node/ports.ts";
import { createHttpClient } from "../../src/node/runtime/http-client.ts";
import type { GroundTruthEntry } from "../../src/node/validator/ground-truth/entry.ts";
import { GroundTruthSet } from "../../src/node/validator/ground-truth/ground-truth-set.ts";
import { ReplicationKeeper } from "../../src/node/validator/replication/replication-keeper.ts";
import {
  openReplicationStore,
  type ReplicationStore,
} from "../../src/node/validator/replication/store/replication-store.ts";
import { openValidatorStore, type ValidatorStore } from "../../src/node/validator/store/validator-store.ts";
import { MinerUnderTest, sr25519, TestKey } from "../miner/miner-under-test.ts";
import { quiet } from "../support/client-bench.ts";
import { FixedChain } from "../support/fixed-chain.ts";
import { TestClock } from "../support/test-clock.ts";

export interface Seen {
  readonly uid: number;
  readonly path: string;
  readonly body: string;
}

/** Some miners on one chain, and the keeper of one validator's copies. Uids are from 0, the validator's is the last. */
export class RepairBench implements AsyncDisposable {
  readonly miners: MinerUnderTest[] = [];
  readonly chain = new FixedChain();
  readonly clock = new TestClock();
  readonly calls: Seen[] = [];
  /** Answers in place of the miner of that uid; undefined leaves it to the miner. */
  readonly instead = new Map<number, (request: Request) => Response | undefined | Promise<Response | undefined>>();
  stop = new AbortController();
  /** Of the keeper that is opened next. */
  groundTruth: readonly GroundTruthEntry[] = [];
  readonly validator = new TestKey();
  readonly store: ValidatorStore;
  copies: ReplicationStore;
  keeper: ReplicationKeeper;
  #files = 0;

  private constructor(miners: readonly MinerUnderTest[]) {
    this.miners.push(...miners);
    const [first] = miners;
    if (!first) throw new Error("no miner");
    this.store = openValidatorStore(join(first.folder, "validator.db"));
    this.copies = openReplicationStore(join(first.folder, "replication-0.db"));
    this.keeper = this.#newKeeper();
    this.publish(miners.map((miner, uid) => this.neuron(miner, uid)));
    this.pass(0);
  }

  static async start(count: number): Promise<RepairBench> {
    return new RepairBench(await Promise.all(Array.from({ length: count }, () => MinerUnderTest.start())));
  }

  neuron({ identity: { hotkey } }: MinerUnderTest, uid: number): Neuron {
    const endpoint = `http://127.0.0.${uid + 1}:8091`;
    return { uid, hotkey, coldkey: hotkey, endpoint, stakeTao: 0, validatorPermit: false, incentive: 0 };
  }

  /** Begins anew with the first `count` miners: nothing is known of any copy. What miners hold they hold still. */
  async restart(count: number): Promise<void> {
    this.#files += 1;
    this.stop = new AbortController();
    this.instead.clear();
    this.calls.length = 0;
    await this.reopen();
    this.publish(this.miners.slice(0, count).map((miner, uid) => this.neuron(miner, uid)));
  }

  /** These miners, and the validator. */
  publish(miners: readonly Neuron[]): void {
    const { hotkey } = this.validator;
    const own = {
      uid: 255,
      hotkey,
      coldkey: hotkey,
      endpoint: null,
      stakeTao: 1e3,
      validatorPermit: true,
      incentive: 0,
    };
    this.chain.neurons = [...miners, own];
    for (const miner of this.miners) miner.chain.neurons = this.chain.neurons;
  }

  pass(milliseconds: number): void {
    this.clock.time += milliseconds;
    for (const miner of this.miners) miner.clock.time = this.clock.time;
  }

  at(uid: number): MinerUnderTest {
    const miner = this.miners[uid];
    if (!miner) throw new Error("no such miner");
    return miner;
  }

  /** The uids that the record belongs to, best first. */
  places(cid: string): readonly number[] {
    return placesOf(cid, servingMiners(this.chain.neurons, true)).map(({ uid }) => uid);
  }

  /** Stores a record at the miners of `uids`. */
  async put(uids: readonly number[], metadata: object = { k: 1, f: 1.5, é: "ü" }): Promise<string> {
    const raw_embedding = Array.from(randomBytes(8), (byte) => byte - 127.5);
    const cids = await Promise.all(uids.map((uid) => this.putAt(uid, { raw_embedding, metadata })));
    return cids[0] ?? "";
  }

  async putAt(uid: number, body: object): Promise<string> {
    return (await this.at(uid).post("IngestSynapse", body)).json.cid;
  }

  async lose(cid: string, ...uids: readonly number[]): Promise<void> {
    for (const uid of uids) await this.at(uid).store.delete(PUBLIC_NAMESPACE, cid);
  }

  async holders(cid: string): Promise<readonly number[]> {
    const found = await Promise.all(this.miners.map(({ store }) => store.get(PUBLIC_NAMESPACE, cid)));
    return found.flatMap((record, uid) => (record ? [uid] : []));
  }

  /** The uids whose copy is confirmed, as the store has it. */
  async confirmed(cid: string): Promise<readonly number[]> {
    const held = (await this.copies.call("copies", { cid })).filter(({ confirmedAt }) => confirmedAt !== null);
    return this.miners.flatMap(({ identity }, uid) =>
      held.some(({ miner }) => miner === identity.hotkey) ? [uid] : [],
    );
  }

  /** Paths of the calls to that miner, without its health. */
  callsTo(uid: number): readonly string[] {
    return this.calls.filter((call) => call.uid === uid && call.path !== "/health").map(({ path }) => path);
  }

  /** The keeper on the same files, as after a restart of the process. */
  async reopen(): Promise<void> {
    await this.copies[Symbol.asyncDispose]();
    this.copies = openReplicationStore(join(this.at(0).folder, `replication-${this.#files}.db`));
    this.keeper = this.#newKeeper();
  }

  #newKeeper(): ReplicationKeeper {
    const { chain, store, copies, clock, stop, validator } = this;
    const { hotkey } = validator;
    const publicKey = decodeHotkey(hotkey) ?? new Uint8Array();
    const identity = { hotkey, publicKey, sign: (message: Uint8Array) => validator.sign(message) };
    const http = createHttpClient(async (request) => {
      const { hostname, pathname } = new URL(request.url);
      const uid = Number(hostname.split(".").at(-1)) - 1;
      this.calls.push({ uid, path: pathname, body: await request.clone().text() });
      return (await this.instead.get(uid)?.(request.clone())) ?? this.at(uid).fetch(request);
    });
    const groundTruth = new GroundTruthSet(this.groundTruth, 8);
    const deps = {
      chain,
      store,
      copies,
      identity,
      sr25519,
      http,
      clock,
      logger: quiet,
      signal: stop.signal,
      groundTruth,
    };
    return new ReplicationKeeper(deps);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop.abort();
    await this.keeper.idle();
    await this.copies[Symbol.asyncDispose]();
    await this.store[Symbol.asyncDispose]();
    for (const miner of this.miners) await miner[Symbol.asyncDispose]();
  }
}
