import { EngramError } from "../../../crypto/errors.ts";
import { decodeHotkey, type Hotkey } from "../../../crypto/ss58.ts";
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
import { commitmentTooLong } from "../local/apply-call.ts";
import type { SignerOf } from "../local/http-local-chain.ts";
import { axonOfEndpoint, axonSchema } from "./axon.ts";
import { ChainReader } from "./chain-reader.ts";
import { CommitJournal } from "./commit-journal.ts";
import { commitmentInfo, readCommitment } from "./commitment.ts";
import { EndpointPool } from "./endpoint-pool.ts";
import { ExtrinsicSubmitter } from "./extrinsic-submitter.ts";
import { revealDue } from "./hash-reveal.ts";
import { HeadFeed } from "./head-feed.ts";
import { type Hyperparameters, readHyperparameters } from "./hyperparameters.ts";
import type { SubtensorNetwork } from "./networks.ts";
import { ChainRefusal } from "./refusals.ts";
import { registerHotkey } from "./registration.ts";
import { RuntimeSource } from "./runtime-source.ts";
import { parse, readMetagraph, readUid, readWeights } from "./subnet-state.ts";
import { readWeightsTerms } from "./weights-terms.ts";
import { WeightsWriter } from "./weights-writer.ts";

const DEADLINE_MS = 10_000;
/** A block comes every 12 s; a call that is in none after this long is in trouble. */
const WRITE_MS = 180_000;
/** What axons are marked with: TCP, and this form of the entry. */
const AXON = { version: 1, protocol: 4, placeholder1: 0, placeholder2: 0 } as const;

export interface SubtensorChainOptions {
  readonly network: SubtensorNetwork;
  readonly netuid: number;
  /** Where what must outlive the process is kept: hash commits that wait to be revealed. */
  readonly folder: string;
  /** Absent: this client reads alone. */
  readonly signerOf?: SignerOf;
  /** Most TAO that a registration may cost; 0 unless somebody said more. */
  readonly maxRegistrationTao?: number;
  readonly clock?: Clock;
  /** Longest wait for one answer of one endpoint. */
  readonly deadlineMs?: number;
  /** Longest wait for a write to be in a block. */
  readonly writeMs?: number;
}

/**
 * A subnet of a Subtensor chain. Nothing is connected before something is asked. Errors: those of `ChainClient`, of
 * `EndpointPool` and `ChainReader`, `CHAIN_KEY_MISSING` for a write this process cannot sign, and by the chain's own
 * word `CHAIN_STAKE_LOW`, `CHAIN_VERSION_KEY`, `CHAIN_BALANCE`, `CHAIN_PRICE`, `CHAIN_REGISTRATION_CLOSED`,
 * `CHAIN_NO_SUBNET`, `CHAIN_REFUSED`.
 */
export class SubtensorChain implements ChainClient {
  readonly #options: SubtensorChainOptions & { readonly signerOf: SignerOf };
  readonly #pool: EndpointPool;
  readonly #reader: ChainReader;
  readonly #submitter: ExtrinsicSubmitter;
  readonly #journal: CommitJournal;
  readonly #weights: WeightsWriter;
  readonly #feeds: { readonly heads: HeadFeed; readonly finalized: HeadFeed };
  readonly #watches: { readonly heads: HeadWatch; readonly finalized: HeadWatch };
  readonly #closing = new AbortController();
  #revealing: Promise<void> | undefined;

  constructor(options: SubtensorChainOptions) {
    const { clock = systemClock, deadlineMs = DEADLINE_MS, writeMs = WRITE_MS, netuid } = options;
    this.#options = { ...options, signerOf: options.signerOf ?? (() => undefined) };
    const pool = new EndpointPool(options.network, { clock, deadlineMs });
    const reader = new ChainReader(pool, new RuntimeSource(pool));
    const submitter = new ExtrinsicSubmitter({ pool, reader, clock, writeMs });
    this.#journal = new CommitJournal(options.folder);
    [this.#pool, this.#reader, this.#submitter] = [pool, reader, submitter];
    this.#weights = new WeightsWriter({ netuid, reader, submitter, journal: this.#journal, clock });
    this.#feeds = {
      heads: new HeadFeed({ of: "heads", read: (signal) => reader.head(signal) }, { pool, clock }),
      finalized: new HeadFeed({ of: "finalized", read: () => reader.finalized() }, { pool, clock }),
    };
    this.#watches = {
      heads: new HeadWatch((seen, signal) => this.#feeds.heads.next(seen, signal), clock),
      finalized: new HeadWatch((seen, signal) => this.#feeds.finalized.next(seen, signal), clock),
    };
    // What an earlier process committed to is this one's to reveal.
    if (options.signerOf && this.#journal.exists) this.#followReveals();
  }

  async identity(): Promise<string> {
    return await this.#pool.genesis();
  }

  async head(): Promise<BlockRef> {
    return await this.#reader.head();
  }

  async finalized(): Promise<BlockRef> {
    return await this.#reader.finalized();
  }

  async blockHash(number: number): Promise<string | null> {
    return await this.#reader.blockHash(number);
  }

  async metagraph(atBlock?: number): Promise<Metagraph> {
    return await readMetagraph(this.#reader, await this.#reader.stateAt(atBlock), this.#options.netuid);
  }

  /** What the subnet's owner decided, as of a block or the finalized one. */
  async hyperparameters(atBlock?: number): Promise<Hyperparameters> {
    return await readHyperparameters(this.#reader, await this.#reader.stateAt(atBlock), this.#options.netuid);
  }

  async uidOf(hotkey: Hotkey): Promise<number | null> {
    return await readUid(this.#reader, await this.#reader.stateAtHead(), this.#options.netuid, hotkey);
  }

  async register(hotkey: Hotkey, coldkey: Hotkey): Promise<number> {
    const { netuid, signerOf, maxRegistrationTao = 0 } = this.#options;
    const deps = { netuid, signerOf, maxRegistrationTao, reader: this.#reader, submitter: this.#submitter };
    return await registerHotkey(deps, hotkey, coldkey);
  }

  /** Writes nothing when the chain has it already. */
  async serveAxon(hotkey: Hotkey, endpoint: string): Promise<void> {
    const { netuid } = this.#options;
    const axon = axonOfEndpoint(endpoint);
    const state = await this.#reader.stateAtHead();
    await this.#requireUid(hotkey);
    const [served] = await this.#reader.read(state, [["subtensorModule.axons", netuid, hotkey]]);
    const known = parse(axonSchema.nullable(), served);
    if (known?.ip === axon.ip && known.port === axon.port && known.ipType === axon.ipType) return;
    const args = { ...AXON, ...axon, netuid };
    await this.#submitter.submit(await this.#signer(hotkey), { pallet: "subtensorModule", name: "serveAxon", args });
  }

  async setWeights(hotkey: Hotkey, weights: ReadonlyMap<number, number>): Promise<WeightsSubmission> {
    const submission = await this.#weights.submit(await this.#signer(hotkey), weights);
    if (submission.path === "hash") this.#followReveals();
    return submission;
  }

  async readBack(submission: WeightsSubmission): Promise<"waiting" | "counts" | "lost"> {
    return await this.#weights.readBack(submission);
  }

  async weightsTerms(hotkey: Hotkey): Promise<WeightsTerms> {
    return await readWeightsTerms(this.#reader, await this.#reader.stateAtHead(), this.#options.netuid, hotkey);
  }

  async weights(atBlock?: number): Promise<ReadonlyMap<number, WeightRow>> {
    return await readWeights(this.#reader, await this.#reader.stateAt(atBlock), this.#options.netuid);
  }

  async setCommitment(hotkey: Hotkey, bytes: Uint8Array): Promise<BlockRef> {
    if (bytes.length > MAX_COMMITMENT_BYTES) throw commitmentTooLong();
    await this.#requireUid(hotkey);
    const args = { netuid: this.#options.netuid, info: commitmentInfo(bytes) };
    return await this.#submitter.submit(await this.#signer(hotkey), {
      ...{ pallet: "commitments", name: "setCommitment", args },
    });
  }

  async commitment(hotkey: Hotkey, atBlock?: number): Promise<Uint8Array | null> {
    return await readCommitment(this.#reader, await this.#reader.stateAt(atBlock), this.#options.netuid, hotkey);
  }

  onHead(listener: (head: BlockRef) => void, signal: AbortSignal): void {
    this.#watches.heads.onHead(listener, signal);
  }

  /** As `onHead`, of the finalized block. */
  onFinalized(listener: (block: BlockRef) => void, signal: AbortSignal): void {
    this.#watches.finalized.onHead(listener, signal);
  }

  async waitForBlock(number: number, signal: AbortSignal): Promise<BlockRef> {
    return await this.#watches.heads.waitForBlock(number, signal);
  }

  async #requireUid(hotkey: Hotkey): Promise<void> {
    if ((await this.uidOf(hotkey)) === null) throw new ChainRefusal("HotKeyNotRegisteredInSubNet");
  }

  async #signer(hotkey: Hotkey): Promise<ChainSigner> {
    const signer = decodeHotkey(hotkey) ? await this.#options.signerOf(hotkey) : undefined;
    if (signer?.hotkey === hotkey) return signer;
    throw new EngramError("CHAIN_KEY_MISSING", "this process does not hold the hotkey that would have to sign", {
      fix: "run it with the hotkey's own folder",
    });
  }

  /** With every new block until none is left; a failure is tried again with the next one. */
  #followReveals(): void {
    this.#revealing ??= this.#reveal().finally(() => {
      this.#revealing = undefined;
    });
  }

  async #reveal(): Promise<void> {
    const { netuid, signerOf } = this.#options;
    const deps = { netuid, signerOf, reader: this.#reader, submitter: this.#submitter, journal: this.#journal };
    const { signal } = this.#closing;
    try {
      for (let head: BlockRef | null = null; ; ) {
        if ((await revealDue(deps).catch(() => 1)) === 0) return;
        head = await this.#watches.heads.waitForBlock((head?.number ?? -1) + 1, signal);
      }
    } catch {
      // Closed: the journal keeps what is left for the next process.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error("the chain client was closed"));
    for (const watch of Object.values(this.#watches)) watch[Symbol.dispose]();
    for (const feed of Object.values(this.#feeds)) feed[Symbol.dispose]();
    this.#pool[Symbol.dispose]();
    await this.#revealing;
  }
}
