import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { loadSr25519 } from "../../src/crypto/sr25519.ts";
import { decodeHotkey, type Hotkey } from "../../src/crypto/ss58.ts";
import { Runtime, type StorageItem } from "../../src/node/chain/subtensor/runtime.ts";
import { applySubtensorCall, NETUID } from "./subtensor-calls.ts";

/** The runtime's real description (spec 381). */
export const METADATA = readFileSync(new URL("../fixtures/subtensor-metadata-v16-spec381.scale", import.meta.url));
export const SPEC = { specVersion: 381, transactionVersion: 1 } as const;
const SUBTENSOR_PALLET = 7;

export interface StubBlock {
  readonly number: number;
  readonly hash: string;
  readonly parent: string;
  readonly state: Map<string, string>;
  readonly extrinsics: string[];
  events: Buffer;
}

interface LedgerOptions {
  readonly finalityLag?: number;
  /** Blocks behind the head whose state is kept. */
  readonly historyBlocks?: number;
  /** Where a transaction goes: into the newest block, into a block of its own, or nowhere until `produce`. */
  readonly inclusion?: "head" | "next" | "held";
  /** The runtime's description, where it is not the real one. */
  readonly metadata?: Uint8Array;
  readonly genesis?: string;
  readonly blockMs?: number;
}

interface Account {
  readonly nonce: number;
}

const sr25519 = await loadSr25519();
const hashOf = (...parts: readonly unknown[]) =>
  `0x${createHash("sha256").update(JSON.stringify(parts)).digest("hex")}`;

/** A small chain with Subtensor's own types: what is written and read is SCALE as the real runtime has it. */
export class SubtensorLedger {
  readonly genesis: string;
  readonly runtime: Runtime;
  readonly options: Required<LedgerOptions>;
  readonly blocks: StubBlock[] = [];
  /** Transactions that were taken and are in no block. */
  readonly pool: string[] = [];
  /** Every transaction that was ever taken, in order. */
  readonly taken: string[] = [];
  /** What happens on the chain just before the next call takes effect. */
  beforeCall: (() => void) | undefined;
  readonly #listeners = new Set<() => void>();
  #fork = 0;

  private constructor(genesis: string, runtime: Runtime, options: LedgerOptions) {
    this.genesis = genesis;
    this.runtime = runtime;
    const usual = {
      finalityLag: 3,
      historyBlocks: 1_000,
      inclusion: "head",
      metadata: METADATA,
      blockMs: 12_000,
    } as const;
    this.options = { ...usual, genesis, ...options };
    this.#push(new Map());
    this.set("subtensorModule.networksAdded", [NETUID], true);
    this.set("subtensorModule.networkRegistrationAllowed", [NETUID], true);
    this.set("subtensorModule.weightsSetRateLimit", [NETUID], 5);
    this.set("subtensorModule.tempo", [NETUID], 20);
    this.set("subtensorModule.burn", [NETUID], 1_000_000_000);
    this.set("subtensorModule.minAllowedWeights", [NETUID], 1);
    this.set("subtensorModule.maxWeightsLimit", [NETUID], 65_535);
    this.set("subtensorModule.commitRevealWeightsEnabled", [NETUID], false);
    this.set("timestamp.now", [], Date.now());
  }

  static async create(options: LedgerOptions = {}): Promise<SubtensorLedger> {
    const { genesis = `0x${randomBytes(32).toString("hex")}`, metadata = METADATA } = options;
    return new SubtensorLedger(genesis, await Runtime.of({ ...SPEC, genesis }, metadata), options);
  }

  get head(): StubBlock {
    return this.blocks.at(-1) as StubBlock;
  }

  /** Finality stops at this block for as long as it is set. */
  stalledAt: number | undefined;

  get finalized(): StubBlock {
    const number = Math.max(0, this.head.number - this.options.finalityLag);
    return this.blocks[Math.min(number, this.stalledAt ?? number)] as StubBlock;
  }

  byHash(hash: string): StubBlock | undefined {
    return this.blocks.find((block) => block.hash === hash);
  }

  /** Calls `listener` after every change, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves once the next transaction was taken. */
  async accepted(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const seen = this.taken.length;
    const stop = this.onChange(() => void (this.taken.length > seen && resolve()));
    await promise;
    stop();
  }

  /** Resolves once a call of that name was included. */
  async nextCall(name: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const seen = this.taken.length;
    const stop = this.onChange(() => {
      if (this.taken.slice(seen).some((hex) => this.decode(hex).method.method === name)) resolve();
    });
    await promise;
    stop();
  }

  set(item: StorageItem, args: readonly unknown[], value: unknown): void {
    const key = this.runtime.storageKey(item, args);
    const [pallet = "", name = ""] = item.split(".");
    const entry = this.runtime.api.query[pallet]?.[name];
    if (key === undefined || !entry) throw new Error(`no such item: ${item}`);
    const { type } = entry.creator.meta;
    const { registry } = this.runtime.api;
    const lookup = registry.createLookupType(type.isPlain ? type.asPlain : type.asMap.value);
    // Not `toHex`: of a number that is big-endian.
    const bytes = registry.createTypeUnsafe(lookup, [value]).toU8a();
    this.head.state.set(key, `0x${Buffer.from(bytes).toString("hex")}`);
  }

  remove(item: StorageItem, args: readonly unknown[]): void {
    this.head.state.delete(this.runtime.storageKey(item, args) ?? "");
  }

  /** What the chain holds, in the shape that the caller knows it to have. */
  get<T>(item: StorageItem, args: readonly unknown[] = [], block = this.head): T {
    return this.runtime.decodeStorage(item, block.state.get(this.runtime.storageKey(item, args) ?? "") ?? null) as T;
  }

  produce(count: number): void {
    for (let made = 0; made < count; made++) {
      this.#push(new Map(this.head.state));
      for (const extrinsic of this.pool.splice(0)) this.#include(extrinsic);
    }
    this.#tell();
  }

  stake(hotkey: Hotkey, tao: number): void {
    this.set("subtensorModule.totalHotkeyAlpha", [hotkey, NETUID], BigInt(Math.round(tao * 1e9)));
    const uid = this.get<number | null>("subtensorModule.uids", [NETUID, hotkey]);
    if (uid === null) return;
    const permits = this.get<boolean[]>("subtensorModule.validatorPermit", [NETUID]);
    this.set("subtensorModule.validatorPermit", [NETUID], permits.with(uid, tao > 0));
  }

  /** Replaces the newest blocks by empty ones. */
  reorg(depth: number): void {
    if (depth > this.options.finalityLag) throw Object.assign(new Error("final"), { code: "CHAIN_REORG_DEPTH" });
    const { number } = this.head;
    this.blocks.splice(this.blocks.length - depth);
    this.#fork++;
    while (this.head.number < number) this.#push(new Map(this.head.state));
    this.#tell();
  }

  /** Takes a transaction as a node's pool does. Returns the block that has it at once, or throws the pool's refusal. */
  submit(hex: string): StubBlock | undefined {
    this.#check(hex);
    this.taken.push(hex);
    if (this.options.inclusion === "held") {
      this.pool.push(hex);
      this.#tell();
      return undefined;
    }
    if (this.options.inclusion === "next") this.#push(new Map(this.head.state));
    this.#include(hex);
    const block = this.head;
    this.#tell();
    return block;
  }

  nonceOf(address: string): number {
    const waiting = this.pool.filter((hex) => this.decode(hex).signer.toString() === address).length;
    return this.get<Account>("system.account", [address]).nonce + waiting;
  }

  decode(hex: string) {
    return this.runtime.api.registry.createType("Extrinsic", hex);
  }

  /** Signature, era and nonce, as a real node checks them. */
  #check(hex: string): void {
    const extrinsic = this.decode(hex);
    const { registry } = this.runtime.api;
    const era = extrinsic.era.asMortalEra;
    const birth = era.birth(this.head.number);
    const values = {
      method: extrinsic.method.toHex(),
      era: extrinsic.era.toHex(),
      blockHash: this.blocks[birth]?.hash ?? this.genesis,
      genesisHash: this.genesis,
      nonce: extrinsic.nonce.toNumber(),
      tip: 0,
      mode: 0,
      metadataHash: null,
      ...SPEC,
    };
    const bytes = registry.createType("ExtrinsicPayload", values, { version: 4 }).toU8a({ method: true });
    const message = bytes.length > 256 ? registry.hash(bytes).toU8a() : bytes;
    const signer = extrinsic.signer.toString();
    const signature = Buffer.from(extrinsic.signature.toHex().slice(2), "hex");
    if (!sr25519.verify(signature, message, decodeHotkey(signer) ?? new Uint8Array()))
      throw refused(1010, "bad signature");
    const next = this.nonceOf(signer);
    if (extrinsic.nonce.toNumber() < next) throw refused(1010, "Transaction is outdated");
    if (extrinsic.nonce.toNumber() > next) throw refused(1010, "Transaction will be valid in the future");
  }

  #include(hex: string): void {
    this.beforeCall?.();
    this.beforeCall = undefined;
    const { head } = this;
    const extrinsic = this.decode(hex);
    const signer = extrinsic.signer.toString();
    const account = this.get<Account>("system.account", [signer]);
    this.set("system.account", [signer], { ...account, nonce: account.nonce + 1 });
    const error = applySubtensorCall(this, extrinsic.method, signer as Hotkey);
    const index = head.extrinsics.push(hex) - 1;
    const events = Buffer.concat([head.events, this.#eventOf(index, error)]);
    head.events = events;
    const count = this.runtime.api.registry.createType("Compact<u32>", head.extrinsics.length).toU8a();
    const key = this.runtime.storageKey("system.events", []) ?? "";
    head.state.set(key, `0x${Buffer.concat([count, events]).toString("hex")}`);
  }

  /** `ExtrinsicSuccess`, or `ExtrinsicFailed` with the pallet's error. */
  #eventOf(index: number, error: string | undefined): Buffer {
    const phase = Buffer.alloc(5);
    phase.writeUInt32LE(index, 1);
    const info = Buffer.alloc(4);
    const topics = Buffer.alloc(1);
    if (error === undefined) return Buffer.concat([phase, Buffer.from([0, 0]), info, topics]);
    const code = this.runtime.api.errors["subtensorModule"]?.[error]?.meta.index.toNumber();
    if (code === undefined) throw new Error(`no such error: ${error}`);
    return Buffer.concat([phase, Buffer.from([0, 1, 3, SUBTENSOR_PALLET, code, 0, 0, 0]), info, topics]);
  }

  #push(state: Map<string, string>): void {
    const parent = this.blocks.at(-1);
    const number = (parent?.number ?? -1) + 1;
    const hash = number === 0 ? this.genesis : hashOf(this.genesis, parent?.hash, number, this.#fork);
    state.delete(this.runtime.storageKey("system.events", []) ?? "");
    this.blocks.push({ number, hash, parent: parent?.hash ?? hash, state, extrinsics: [], events: Buffer.alloc(0) });
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** What a node's JSON-RPC answers instead of a result. */
export function refused(code: number, data: string): Error {
  return Object.assign(new Error("Invalid Transaction"), { code, data });
}
