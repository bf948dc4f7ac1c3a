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

/** The chain as every role sees it; one compliance suite holds for all implementations. */
export interface ChainClient extends AsyncDisposable {
  /** `local:<id>` or the genesis hash; signed into everything that must not be replayed on another chain. */
  identity(): Promise<string>;
  head(): Promise<{ readonly number: number; readonly hash: string }>;
  metagraph(): Promise<{ readonly block: number; readonly neurons: readonly Neuron[] }>;
  uidOf(hotkey: Hotkey): Promise<number | null>;
  /** Registers the hotkey when it is not; returns its uid. */
  register(hotkey: Hotkey, coldkey: Hotkey): Promise<number>;
  /** Publishes where the registered hotkey is reached. */
  serveAxon(hotkey: Hotkey, endpoint: string): Promise<void>;
}
