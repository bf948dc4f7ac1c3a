import { EngramError } from "../../../crypto/errors.ts";
import { fromHex, toHex } from "../../../crypto/hex.ts";
import type { Hotkey } from "../../../crypto/ss58.ts";
import type { BlockRef, ChainClient, Metagraph, WeightRow, WeightsSubmission, WeightsTerms } from "../../ports.ts";
import { type Clock, systemClock } from "../../runtime/clock.ts";
import { StoreWorker } from "../../runtime/store-worker.ts";
import { workerUrl } from "../../runtime/worker-url.ts";
import { HeadWatch } from "../head-watch.ts";
import { readBackSet } from "../read-back.ts";
import type { Genesis } from "./block-line.ts";
import type { ChainCall } from "./chain-call.ts";
import type { LocalChainControl } from "./local-chain-control.ts";
import type { Included, LocalChainOperations } from "./local-chain-operations.ts";
import { defaultLocalChainSettings, type LocalChainSettings } from "./local-chain-settings.ts";
import type { Reorg, ReorgRequest } from "./reorganise.ts";
import { toWeightRow } from "./weight-row.ts";

/** Another process may have replaced or stepped blocks: so often the file is looked at while somebody waits. */
const LOOK_MS = { clock: 1_000, stepped: 200 } as const;

export interface LocalChainOptions {
  /** The SQLite file: processes that open the same one share the chain. */
  readonly path: string;
  readonly clock?: Clock;
  /** Of a chain that is new; a file keeps the ones it was made with. */
  readonly settings?: LocalChainSettings;
}

/**
 * A simulated chain on one machine: real uids, addresses, permits, weights and reorganisations, blocks by the clock or
 * by hand. Its identity is random and kept in the file, so that nothing signed for it counts elsewhere. A block takes
 * what is written until the next one is there.
 *
 * Errors: those of `ChainClient` and `LocalChainControl`, and the `STORE_…` errors of `StoreWorker`.
 */
export class LocalChain implements ChainClient, LocalChainControl {
  readonly #worker: StoreWorker<LocalChainOperations>;
  readonly #clock: Clock;
  readonly #heads: HeadWatch;
  #genesis: Genesis | undefined;
  #changed = Promise.withResolvers<void>();

  constructor({ path, clock = systemClock, settings = defaultLocalChainSettings }: LocalChainOptions) {
    const url = workerUrl("local-chain-worker", import.meta.url);
    this.#worker = new StoreWorker({ url, workerData: { path, now: clock.now(), settings } });
    this.#clock = clock;
    this.#heads = new HeadWatch((seen, signal) => this.nextHead(seen, signal), clock);
  }

  async identity(): Promise<string> {
    return (await this.genesis()).identity;
  }

  /** What the chain was made with. */
  async genesis(): Promise<Genesis> {
    this.#genesis ??= await this.#worker.call("genesis", null);
    return this.#genesis;
  }

  async head(): Promise<BlockRef> {
    return await this.#worker.call("head", this.#now());
  }

  async finalized(): Promise<BlockRef> {
    return await this.#worker.call("finalized", this.#now());
  }

  async blockHash(number: number): Promise<string | null> {
    return await this.#worker.call("blockHash", { ...this.#now(), number });
  }

  async metagraph(atBlock?: number): Promise<Metagraph> {
    return await this.#worker.call("metagraph", { ...this.#now(), at: atBlock });
  }

  async uidOf(hotkey: Hotkey): Promise<number | null> {
    return await this.#worker.call("uidOf", { ...this.#now(), hotkey });
  }

  async register(hotkey: Hotkey, coldkey: Hotkey): Promise<number> {
    return uidIn(await this.include({ kind: "register", hotkey, coldkey }));
  }

  async serveAxon(hotkey: Hotkey, endpoint: string): Promise<void> {
    await this.include({ kind: "serveAxon", hotkey, endpoint });
  }

  async setWeights(hotkey: Hotkey, weights: ReadonlyMap<number, number>): Promise<WeightsSubmission> {
    return submissionOf(await this.include({ kind: "setWeights", hotkey, weights: [...weights] }), weights);
  }

  async readBack(submission: WeightsSubmission): Promise<"waiting" | "counts" | "lost"> {
    return await readBackSet(this, submission);
  }

  async weightsTerms(hotkey: Hotkey): Promise<WeightsTerms> {
    return await this.#worker.call("weightsTerms", { ...this.#now(), hotkey });
  }

  async weights(atBlock?: number): Promise<ReadonlyMap<number, WeightRow>> {
    const rows = await this.#worker.call("weights", { ...this.#now(), at: atBlock });
    return new Map(rows.map(([uid, row]) => [uid, new Map(row)]));
  }

  async setCommitment(hotkey: Hotkey, bytes: Uint8Array): Promise<BlockRef> {
    return (await this.include({ kind: "setCommitment", hotkey, bytes: toHex(bytes) })).block;
  }

  async commitment(hotkey: Hotkey, atBlock?: number): Promise<Uint8Array | null> {
    const hex = await this.#worker.call("commitment", { ...this.#now(), hotkey, at: atBlock });
    return hex === null ? null : (fromHex(hex) ?? null);
  }

  onHead(listener: (head: BlockRef) => void, signal: AbortSignal): void {
    this.#heads.onHead(listener, signal);
  }

  async waitForBlock(number: number, signal: AbortSignal): Promise<BlockRef> {
    return await this.#heads.waitForBlock(number, signal);
  }

  /** Resolves with the head once it is another than `seen`. Rejects with the signal's reason. */
  async nextHead(seen: BlockRef | null, signal: AbortSignal): Promise<BlockRef> {
    for (;;) {
      signal.throwIfAborted();
      // Taken before looking, so that a change in between is not missed.
      const changed = this.#changed.promise;
      const head = await this.head();
      if (head.number !== seen?.number || head.hash !== seen.hash) return head;
      await this.#pause(head, changed, signal);
    }
  }

  async step(count = 1): Promise<BlockRef> {
    return this.#tellOf(await this.#worker.call("step", { ...this.#now(), count }));
  }

  async reorg(request: ReorgRequest): Promise<Reorg> {
    return this.#tellOf(await this.#worker.call("reorg", { ...this.#now(), request }));
  }

  async stake(hotkey: Hotkey, tao: number): Promise<BlockRef> {
    return (await this.include({ kind: "stake", hotkey, tao })).block;
  }

  /** Includes a call in the head. Whoever calls this has made sure that the hotkey itself asks for it. */
  async include(call: ChainCall): Promise<Included> {
    return await this.#worker.call("include", { ...this.#now(), call });
  }

  #now(): { readonly now: number } {
    return { now: this.#clock.now() };
  }

  #tellOf<T>(change: T): T {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
    return change;
  }

  async #pause(head: BlockRef, changed: Promise<void>, signal: AbortSignal): Promise<void> {
    const { blocks, at, first, blockMs } = await this.genesis();
    const next = at + (head.number + 1 - first) * blockMs;
    const due = blocks === "clock" ? next - this.#clock.now() : Number.POSITIVE_INFINITY;
    const done = new AbortController();
    const slept = this.#clock.sleep(
      Math.min(Math.max(due, 1), LOOK_MS[blocks]),
      AbortSignal.any([signal, done.signal]),
    );
    try {
      await Promise.race([changed, slept]);
    } finally {
      slept.catch(() => undefined);
      done.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#heads[Symbol.dispose]();
    await this.#worker[Symbol.asyncDispose]();
  }
}

/** The uid of the hotkey that wrote. */
export function uidIn({ uid }: Included): number {
  if (uid === null) throw new EngramError("CHAIN_UNREADABLE", "the chain took a hotkey's write without a uid");
  return uid;
}

/** A row that counts in the block that included it. */
export function submissionOf(included: Included, weights: ReadonlyMap<number, number>): WeightsSubmission {
  const row = new Map(toWeightRow([...weights]));
  return { path: "set", block: included.block, uid: uidIn(included), row, revealBlock: null, revealBlocks: 0 };
}
