import type { Hotkey } from "../crypto/ss58.ts";
import type { Filter } from "./protocol/filter.ts";

/** What a vector means: vectors of different profiles are never compared. */
export interface EmbeddingProfile {
  readonly model: string;
  readonly dim: number;
  readonly normalized: boolean;
}

export interface EmbedOptions {
  readonly signal?: AbortSignal;
  /** `interactive` (a person or agent waits) overtakes `background`; default `interactive`. */
  readonly priority?: "interactive" | "background";
}

/** Turns texts into vectors of one profile. */
export interface Embedder extends AsyncDisposable {
  readonly profile: EmbeddingProfile;
  /** One vector per text, in order, each the caller's own copy. Refuses empty and oversized texts. */
  embed(texts: readonly string[], options?: EmbedOptions): Promise<Float32Array[]>;
}

/** The public space's internal name (spec 6.1). */
export const PUBLIC_NAMESPACE = "__public__";

/** A record as a miner keeps it. `metadata` is JSON text exactly as received (int and float stay apart, spec 1). */
export interface StoredRecord {
  readonly namespace: string;
  readonly cid: string;
  readonly embedding: Float32Array;
  readonly metadata: string;
  /** The verified hotkey that ingested it; null when anonymous. */
  readonly ingestedBy: Hotkey | null;
  /** Unix milliseconds. */
  readonly createdAt: number;
  readonly expiresAt: number | null;
}

export interface ScoredRecord {
  readonly cid: string;
  /** Cosine similarity in [-1, 1]. */
  readonly score: number;
  readonly metadata: string;
}

export interface RecordPage {
  readonly records: readonly StoredRecord[];
  /** Pass it as `after` to read on; null at the end. Opaque. */
  readonly next: string | null;
  /** As `next`, at the end too: what is put later comes after it. Null when the page is empty. */
  readonly last: string | null;
}

/**
 * Durable records with exact cosine search. Keys are (namespace, cid): a record never moves between namespaces
 * (M-W15). A write resolves after its fsync. Expired records are never returned.
 */
export interface VectorStore extends AsyncDisposable {
  /** Stores records; one that is there already is left as it is (`created: false`). */
  put(records: readonly StoredRecord[]): Promise<readonly { readonly cid: string; readonly created: boolean }[]>;
  get(namespace: string, cid: string): Promise<StoredRecord | null>;
  /** Every namespace that holds `cid`: for owners' deletes, where the request names the CID alone (M-W5). */
  locate(cid: string): Promise<readonly StoredRecord[]>;
  search(query: {
    readonly namespace: string;
    readonly vector: Float32Array;
    readonly limit: number;
    readonly filter?: Filter;
    readonly now: number;
  }): Promise<readonly ScoredRecord[]>;
  /** Records of one namespace in insertion order, by keyset. */
  list(query: {
    readonly namespace: string;
    readonly limit: number;
    readonly after?: string;
    /** Skips so many matches first: the wire's own paging (spec 8.7). */
    readonly offset?: number;
    readonly filter?: Filter;
    readonly now: number;
  }): Promise<RecordPage>;
  /** True when a record was removed; its bytes are gone from the file when this resolves. */
  delete(namespace: string, cid: string): Promise<boolean>;
  /** Removes what expired before `now`; returns how many. */
  expire(now: number): Promise<number>;
  /** Records held; of one namespace when named. */
  count(namespace?: string): Promise<number>;
  /** Calls that wait for their answer now, for the operator's metrics. */
  readonly waiting?: number;
}

/** A neuron as the chain shows it. */
export interface Neuron {
  readonly uid: number;
  readonly hotkey: Hotkey;
  readonly coldkey: Hotkey;
  /** `http://host:port` of the served axon; null when none is served. */
  readonly endpoint: string | null;
  readonly stakeTao: number;
  readonly validatorPermit: boolean;
  readonly incentive: number;
}

/** A block by its number and the hash it has on the canonical chain: 0x and 64 hex digits. */
export interface BlockRef {
  readonly number: number;
  readonly hash: string;
}

/** The neurons as of one block, ordered by uid. */
export interface Metagraph {
  readonly block: number;
  readonly hash: string;
  readonly neurons: readonly Neuron[];
}

/** Weights by uid, as the chain keeps them: whole numbers to 65,535, the largest is 65,535, none is 0. */
export type WeightRow = ReadonlyMap<number, number>;

/** How a row of weights went to the chain, and what will show that it counts. Plain data: it outlives the process. */
export interface WeightsSubmission {
  /** `set` counts in its block; what was committed to is revealed by the chain (`timelock`) or this client (`hash`). */
  readonly path: "set" | "timelock" | "hash";
  /** The block that included it. */
  readonly block: BlockRef;
  readonly uid: number;
  readonly row: WeightRow;
  /** The first block of the epoch that reveals it; null where it counts at once. */
  readonly revealBlock: number | null;
  /** Blocks of that epoch: afterwards what was not revealed never will be. */
  readonly revealBlocks: number;
}

/** When a hotkey may set its next row of weights, as of the head. */
export interface WeightsTerms {
  readonly head: number;
  /** Blocks between two epochs. */
  readonly tempo: number;
  /** Blocks between two rows of one hotkey. */
  readonly rateLimit: number;
  /** The block of its last row or commit; null when there is none. */
  readonly lastSet: number | null;
  /** Whether rows are committed to, and revealed in a later epoch. */
  readonly commitReveal: boolean;
}

/** Signs a hotkey's writes to the chain. */
export interface ChainSigner {
  readonly hotkey: Hotkey;
  sign(message: Uint8Array): Uint8Array;
}

/** Most bytes a hotkey's commitment may have. */
export const MAX_COMMITMENT_BYTES = 128;

/**
 * The chain as every role sees it; one compliance suite holds for all implementations. What is read `atBlock` is read
 * as of the finalized block when none is named. Writes are included in a block that a reorganisation may still take
 * away with them: what must last is read back once its block is finalized.
 *
 * Errors: `CHAIN_KEY_INVALID`, `CHAIN_COLDKEY`, `CHAIN_FULL`, `CHAIN_NOT_REGISTERED`, `CHAIN_ENDPOINT`,
 * `CHAIN_NO_PERMIT`, `CHAIN_WEIGHTS_INVALID`, `CHAIN_RATE_LIMIT`, `CHAIN_COMMITMENT_INVALID`, `CHAIN_BLOCK_UNKNOWN` (a block
 * that is not there yet), `CHAIN_HISTORY_GONE` (one the chain no longer keeps the state of).
 */
export interface ChainClient extends AsyncDisposable {
  /** `local:<id>` or the genesis hash; signed into everything that must not be replayed on another chain. */
  identity(): Promise<string>;
  /** The newest block: a reorganisation may still replace it. */
  head(): Promise<BlockRef>;
  /** The newest block that nothing replaces. */
  finalized(): Promise<BlockRef>;
  /** The hash of the block of that number on the canonical chain; null while there is none. */
  blockHash(number: number): Promise<string | null>;
  metagraph(atBlock?: number): Promise<Metagraph>;
  /** The uid as of the head. */
  uidOf(hotkey: Hotkey): Promise<number | null>;
  /** Registers the hotkey when it is not; returns its uid. */
  register(hotkey: Hotkey, coldkey: Hotkey): Promise<number>;
  /** Publishes where the registered hotkey is reached. */
  serveAxon(hotkey: Hotkey, endpoint: string): Promise<void>;
  /**
   * Replaces the hotkey's row of weights, numbers from 0 that the chain scales so that the largest is 65,535, by the way
   * that the chain takes now. It counts once `readBack` says so. Refuses hotkeys without a validator permit at the
   * head, and a row too soon after the last one (`retryAfterMs` says how long to wait where the chain has a clock).
   */
  setWeights(hotkey: Hotkey, weights: ReadonlyMap<number, number>): Promise<WeightsSubmission>;
  /** Whether submitted weights are those of the finalized chain; `lost` when they will never be (V-W3). */
  readBack(submission: WeightsSubmission): Promise<"waiting" | "counts" | "lost">;
  weightsTerms(hotkey: Hotkey): Promise<WeightsTerms>;
  /** Rows by the uid of the validator that set them. */
  weights(atBlock?: number): Promise<ReadonlyMap<number, WeightRow>>;
  /** Publishes up to `MAX_COMMITMENT_BYTES` under the registered hotkey, in place of what was there. */
  setCommitment(hotkey: Hotkey, bytes: Uint8Array): Promise<BlockRef>;
  commitment(hotkey: Hotkey, atBlock?: number): Promise<Uint8Array | null>;
  /**
   * Calls `listener` with the head, and again whenever number or hash changed, until `signal` aborts. Blocks may be
   * skipped, and while the chain does not answer nothing is heard. What `listener` throws is dropped.
   */
  onHead(listener: (head: BlockRef) => void, signal: AbortSignal): void;
  /** The head once its number is at least `number`; rejects with the signal's reason when that aborts first. */
  waitForBlock(number: number, signal: AbortSignal): Promise<BlockRef>;
}

/** What a validator measured of one miner in a round. */
export interface MinerScore {
  /** 0 to 1. */
  readonly recall: number;
  /** Milliseconds; null when nothing was answered. */
  readonly latencyMs: number | null;
  /** 0 to 1. */
  readonly proofRate: number;
}

/** A finished round as a validator hands it to the relay. */
export interface RankingRound {
  readonly block: number;
  readonly blockHash: string;
  readonly roundId: number;
  /** By uid. */
  readonly scores: ReadonlyMap<number, MinerScore>;
}

/** Where a validator's rounds go; a validator without a relay has none. */
export interface RelayPort {
  /** Resolves once the round is durably queued; sending it is the relay's own business. */
  emitRanking(round: RankingRound): Promise<void>;
}

/** A transaction that was signed and not necessarily sent: what is stored before the archive hears of it. */
export interface SignedUpload {
  readonly transactionId: string;
  /** The transaction without its data, as JSON text; the same bytes are sent every time. */
  readonly header: string;
  /** What it costs, in winston (10⁻¹² AR). */
  readonly winston: number;
}

/** `unknown`: the archive has not heard of it, or has forgotten it. */
export type UploadState =
  | { readonly state: "unknown" }
  | { readonly state: "pending" }
  | { readonly state: "mined"; readonly confirmations: number };

/**
 * A place where bytes stay for ever and that is paid once. Whatever it says of bytes is checked against the
 * transaction's id, which the owner of the bytes has signed.
 *
 * Errors: `ARCHIVE_UNREACHABLE` (worth trying again), `ARCHIVE_REFUSED` (it will not take this, ever),
 * `ARCHIVE_TOO_DEAR`, `ARCHIVE_NOT_FOUND`, `ARCHIVE_MANGLED`.
 */
export interface Archive {
  /** What so many bytes cost now, in winston. */
  price(bytes: number, signal?: AbortSignal): Promise<number>;
  /** Signs an upload of `data`; nothing is sent but questions. Refuses to sign for more than `maxWinston`. */
  sign(
    data: Uint8Array,
    options: { readonly tags: readonly ArchiveTag[]; readonly maxWinston: number; readonly signal?: AbortSignal },
  ): Promise<SignedUpload>;
  /** Sends header and data; sending them again does no harm and costs nothing. */
  send(upload: Pick<SignedUpload, "header">, data: Uint8Array, signal?: AbortSignal): Promise<void>;
  state(transactionId: string, signal?: AbortSignal): Promise<UploadState>;
  /** The bytes of a transaction, proved to be those that it was signed for. */
  fetch(transactionId: string, options: { readonly maxBytes: number; readonly signal?: AbortSignal }): Promise<Buffer>;
}

/** A public note on an upload. */
export interface ArchiveTag {
  readonly name: string;
  readonly value: string;
}
