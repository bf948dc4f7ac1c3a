import { EngramError } from "../../../crypto/errors.ts";
import { fromHex, toHex } from "../../../crypto/hex.ts";
import { type Hotkey, isHotkey } from "../../../crypto/ss58.ts";
import {
  type BlockRef,
  type ChainClient,
  type ChainSigner,
  MAX_COMMITMENT_BYTES,
  type Metagraph,
  type WeightRow,
  type WeightsSubmission,
  type WeightsTerms,
} from "../../ports.ts";
import { type Clock, systemClock } from "../../runtime/clock.ts";
import { HeadWatch } from "../head-watch.ts";
import { readBackSet } from "../read-back.ts";
import { commitmentTooLong, noAddress } from "./apply-call.ts";
import type { SignedCall } from "./chain-call.ts";
import { ChainConnection } from "./chain-connection.ts";
import { HEAD_WAIT_MS, replies } from "./chain-wire.ts";
import { submissionOf, uidIn } from "./local-chain.ts";
import type { LocalChainControl } from "./local-chain-control.ts";
import type { Included } from "./local-chain-operations.ts";
import type { Reorg, ReorgRequest } from "./reorganise.ts";
import { toWeightRow } from "./weight-row.ts";

/** A server that has no room for one more waiting question answers at once. */
const ASK_AGAIN_MS = 250;

/** The key that signs a hotkey's writes; `undefined` when this process does not hold it. */
export type SignerOf = (hotkey: Hotkey) => ChainSigner | undefined | Promise<ChainSigner | undefined>;

export interface HttpLocalChainOptions {
  /** `http://host:port` of `engram chain`. */
  readonly url: string;
  /** The identity it must have; absent: whatever it has at the first call, and no other from then on. */
  readonly identity?: string;
  /** Absent: this client reads alone. */
  readonly signerOf?: SignerOf;
  readonly clock?: Clock;
}

/**
 * A local chain that another process of this machine serves. Errors: those of `ChainClient` and `LocalChainControl`,
 * `CHAIN_UNREACHABLE`, `CHAIN_TIMEOUT` (whether a write took effect is then unknown), `CHAIN_IDENTITY` when another
 * chain answers, `CHAIN_KEY_MISSING` for a write this process cannot sign, `CHAIN_REPLY_INVALID`, `REPLY_UNSIGNED`.
 */
export class HttpLocalChain implements ChainClient, LocalChainControl {
  readonly #connection: ChainConnection;
  readonly #signerOf: SignerOf;
  readonly #clock: Clock;
  readonly #heads: HeadWatch;

  constructor({ url, identity, signerOf = () => undefined, clock = systemClock }: HttpLocalChainOptions) {
    this.#connection = new ChainConnection({ url, identity, clock });
    this.#signerOf = signerOf;
    this.#clock = clock;
    this.#heads = new HeadWatch((seen, signal) => this.#nextHead(seen, signal), clock);
  }

  async identity(): Promise<string> {
    return (await this.#connection.peer()).chain;
  }

  async head(): Promise<BlockRef> {
    return (await this.#connection.get("/head", replies.block)).block;
  }

  async finalized(): Promise<BlockRef> {
    return (await this.#connection.get("/finalized", replies.block)).block;
  }

  async blockHash(number: number): Promise<string | null> {
    return (await this.#connection.get(`/blocks/${number}`, replies.hash)).hash;
  }

  async metagraph(atBlock?: number): Promise<Metagraph> {
    return (await this.#connection.get(`/metagraph${queryOf(atBlock)}`, replies.metagraph)).metagraph;
  }

  async uidOf(hotkey: Hotkey): Promise<number | null> {
    return (await this.#connection.get(`/uids/${encodeURIComponent(hotkey)}`, replies.uid)).uid;
  }

  async register(hotkey: Hotkey, coldkey: Hotkey): Promise<number> {
    if (!isHotkey(coldkey)) throw noAddress();
    return uidIn(await this.#include({ kind: "register", hotkey, coldkey }));
  }

  async serveAxon(hotkey: Hotkey, endpoint: string): Promise<void> {
    await this.#include({ kind: "serveAxon", hotkey, endpoint });
  }

  async setWeights(hotkey: Hotkey, weights: ReadonlyMap<number, number>): Promise<WeightsSubmission> {
    // Scaled here already: JSON has no infinite numbers to refuse on the other side.
    const row = toWeightRow([...weights]);
    return submissionOf(await this.#include({ kind: "setWeights", hotkey, weights: [...row] }), new Map(row));
  }

  async readBack(submission: WeightsSubmission): Promise<"waiting" | "counts" | "lost"> {
    return await readBackSet(this, submission);
  }

  async weightsTerms(hotkey: Hotkey): Promise<WeightsTerms> {
    return (await this.#connection.get(`/weights/terms/${encodeURIComponent(hotkey)}`, replies.terms)).terms;
  }

  async weights(atBlock?: number): Promise<ReadonlyMap<number, WeightRow>> {
    const { weights } = await this.#connection.get(`/weights${queryOf(atBlock)}`, replies.weights);
    return new Map(weights.map(([uid, row]) => [uid, new Map(row)]));
  }

  async setCommitment(hotkey: Hotkey, bytes: Uint8Array): Promise<BlockRef> {
    if (bytes.length > MAX_COMMITMENT_BYTES) throw commitmentTooLong();
    return (await this.#include({ kind: "setCommitment", hotkey, bytes: toHex(bytes) })).block;
  }

  async commitment(hotkey: Hotkey, atBlock?: number): Promise<Uint8Array | null> {
    const path = `/commitments/${encodeURIComponent(hotkey)}${queryOf(atBlock)}`;
    const { bytes } = await this.#connection.get(path, replies.commitment);
    return bytes === null ? null : (fromHex(bytes) ?? null);
  }

  onHead(listener: (head: BlockRef) => void, signal: AbortSignal): void {
    this.#heads.onHead(listener, signal);
  }

  async waitForBlock(number: number, signal: AbortSignal): Promise<BlockRef> {
    return await this.#heads.waitForBlock(number, signal);
  }

  async step(count = 1): Promise<BlockRef> {
    return (await this.#connection.post("/control/step", { count }, replies.block)).block;
  }

  async reorg(request: ReorgRequest): Promise<Reorg> {
    const { head, orphaned, dropped } = await this.#connection.post("/control/reorg", request, replies.reorg);
    return { head, orphaned, dropped };
  }

  async stake(hotkey: Hotkey, tao: number): Promise<BlockRef> {
    return (await this.#connection.post("/control/stake", { kind: "stake", hotkey, tao }, replies.included)).block;
  }

  async #include(call: SignedCall): Promise<Included> {
    if (!isHotkey(call.hotkey)) throw noAddress();
    const signer = await this.#signerOf(call.hotkey);
    if (signer?.hotkey === call.hotkey)
      return await this.#connection.postSigned(signer, "/calls", call, replies.included);
    throw new EngramError("CHAIN_KEY_MISSING", "this process does not hold the hotkey that would have to sign", {
      fix: "run it with the hotkey's own folder",
    });
  }

  async #nextHead(seen: BlockRef | null, signal: AbortSignal): Promise<BlockRef> {
    for (;;) {
      const path = seen ? `/head?seen=${seen.number}:${seen.hash}` : "/head";
      const { block } = await this.#connection.get(path, replies.block, { waitMs: HEAD_WAIT_MS, signal });
      if (block.number !== seen?.number || block.hash !== seen.hash) return block;
      await this.#clock.sleep(ASK_AGAIN_MS, signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#heads[Symbol.dispose]();
  }
}

function queryOf(atBlock: number | undefined): string {
  return atBlock === undefined ? "" : `?at=${atBlock}`;
}
