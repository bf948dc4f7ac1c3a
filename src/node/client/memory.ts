import type { Cid } from "../../crypto/cid.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import type { TrustTier } from "../../crypto/trust-tier.ts";
import type { Filter } from "../protocol/filter.ts";
import type { Archives } from "./archive/archives.ts";
import type { AuditStatus, Audits } from "./audits.ts";
import type { KeyShares } from "./key-shares/key-shares.ts";
import type { Sharing } from "./sharing/sharing.ts";
import type { ArchiveState } from "./store/archive-operations.ts";

/** `m_` and 16 base32 characters: 80 random bits (design: what a memory is). */
export type MemoryId = string & { readonly __brand: "MemoryId" };

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };
export type Metadata = { readonly [key: string]: JsonValue };

/** What an agent stored. Times are unix milliseconds. */
export interface Memory {
  readonly id: MemoryId;
  /** The shown name; `public` memories live in the namespace shown as `public`. */
  readonly namespace: string;
  readonly visibility: "private" | "public";
  readonly text: string;
  readonly speaker?: string;
  readonly metadata: Metadata;
  readonly session: string;
  /** Order within the session, given by the store. */
  readonly seq: number;
  /** When what the text tells happened, or was said. */
  readonly at: number;
  readonly createdAt: number;
  readonly expiresAt?: number;
  readonly replaces?: MemoryId;
}

/** A recalled memory with its score in [0, 1]. */
export interface Hit extends Memory {
  readonly score: number;
  /** Memories found as well that say nothing which this one does not say: folded into it, best first. */
  readonly similar?: readonly MemoryId[];
  /**
   * Filled only when the author's signature was verified, and for memories of a namespace that this owner shares; own
   * private memories are the caller's.
   */
  readonly owner?: string;
  /**
   * Computed here from the author's stake, never taken from a reply; `own` for the caller's memories, `shared` for those of
   * a namespace that another wallet shares with the caller.
   */
  readonly tier: "own" | "shared" | "sovereign" | "verified" | "community" | "anonymous";
}

export interface NewMemory {
  readonly text: string;
  readonly speaker?: string;
  readonly session?: string;
  readonly at?: number;
  readonly metadata?: Metadata;
}

export interface StoreInput {
  readonly items: readonly NewMemory[];
  readonly namespace?: string;
  readonly public?: boolean;
  readonly ttlSeconds?: number;
  /** Unix milliseconds; instead of `ttlSeconds` where the moment itself is known, as in an import. */
  readonly expiresAt?: number;
  /** Stores the new and forgets this one in one transaction; only with a single item. */
  readonly replaces?: string;
  /** False stores again what is there already. */
  readonly dedupe?: boolean;
  /** The session of items that name none: one per connection. */
  readonly session?: string;
}

/** Copies on remote miners; the embedded miner shares the disk and never counts. */
export interface ReplicaState {
  readonly have: number;
  readonly target: number;
  /** Miners that could hold the memory. 0: local only. */
  readonly possible: number;
}

export interface StoreResult {
  readonly stored: readonly { readonly id: MemoryId; readonly deduped?: true; readonly parts?: number }[];
  readonly replicas: ReplicaState;
}

export interface QueryInput {
  readonly query: string;
  readonly namespaces?: readonly string[];
  readonly scope?: "own" | "public" | "all";
  readonly limit?: number;
  readonly minScore?: number;
  readonly filter?: Filter;
  readonly mode?: "hybrid" | "semantic" | "keyword";
  /** Prefers the new: a half-life in days. A memory of that age loses a quarter of its score, none more than half. */
  readonly recency?: number;
  readonly cursor?: string;
}

export interface QueryResult {
  readonly hits: readonly Hit[];
  readonly next?: string;
  /** Why there are no hits: namespace unknown (with the nearest name), empty, or nothing above the threshold. */
  readonly why?: string;
  /** That the question could not be embedded, and was answered by words alone. */
  readonly note?: string;
}

export interface ListInput {
  readonly namespace?: string;
  readonly filter?: Filter;
  readonly order?: "newest" | "oldest";
  readonly limit?: number;
  readonly cursor?: string;
}

export interface DeleteResult {
  readonly deleted: readonly MemoryId[];
  readonly missing: readonly string[];
  readonly local: true;
  readonly replicas: { readonly deleted: number; readonly pending: number; readonly impossible: number };
}

export interface PublicEvidenceInput {
  /** The caller's own public memories. */
  readonly ids: readonly string[];
  /** What scores are for. */
  readonly query?: string;
}

/** A public memory's record as miners showed it just now; a long memory lies in several. */
export interface PublicEvidence {
  /** With the record's own text. */
  readonly memory: Memory & { readonly visibility: "public" };
  readonly cid: Cid;
  /** Cosine similarity to the query in [-1, 1]; 1 without one. */
  readonly score: number;
  /** Of the author, from its stake on the chain. */
  readonly tier: TrustTier;
  /** Miners that showed it under this CID, at least one. */
  readonly miners: readonly Hotkey[];
}

/** One part of a memory at one miner, as this home's journal has it: nobody was asked for it. */
export interface CopyAtMiner {
  readonly miner: string;
  readonly part: number;
  /** `impossible`: the miner refuses to delete it. */
  readonly state: "pending" | "delivered" | "deleting" | "deleted" | "impossible";
  /** Null until the miner confirmed it. */
  readonly cid: string | null;
  /** Unix milliseconds: when the miner was last asked to prove it, and what came of it; null before the first time. */
  readonly askedAt: number | null;
  readonly verdict: string | null;
}

/** Records of this home at one miner, as the journal has it. */
export interface Placement {
  readonly miner: string;
  readonly held: number;
  readonly waiting: number;
  readonly deleting: number;
}

export interface NamespaceInfo {
  readonly name: string;
  readonly visibility: "private" | "public";
  readonly memories: number;
  readonly lastWrite?: number;
  /** Made with `--plain-name`: the wire name is the shown one, so that reference clients can name it. */
  readonly plainName?: true;
  /** Miners hold obfuscated vectors of its memories, so that it can be searched without an index. */
  readonly remoteSearch?: true;
  /** Hotkey of the wallet that shares it: it can be read only. Absent: it is the caller's own. */
  readonly owner?: string;
  /** Of a shared one, unix milliseconds: until then miners give what is new in it. */
  readonly grantExpiresAt?: number;
  /** Other wallets that may read it. */
  readonly readers?: number;
}

export interface NewNamespaceInput {
  readonly name: string;
  readonly plainName?: boolean;
  /** Show the person `obfuscationWarning()`: what it hides is little. */
  readonly remoteSearch?: boolean;
}

export interface ReindexOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface ClientStatus {
  readonly home: string;
  readonly hotkey: string;
  readonly backup: "made" | "never made";
  readonly chain: { readonly identity: string; readonly block: number };
  readonly embedder: { readonly model: string; readonly dim: number };
  readonly memories: number;
  readonly namespaces: number;
  readonly replicas: ReplicaState & { readonly note?: string };
  readonly journal: { readonly pushes: number; readonly deletes: number; readonly failed: number };
  readonly awaitingVectors: number;
  /** Embedded by another model: found by their words alone until `reindex`. */
  readonly otherModelVectors: number;
  /** The last daily audit of the copies at miners; absent before the first. */
  readonly audit?: AuditStatus;
  /** Uploads to Arweave by state; absent while there was none. */
  readonly archive?: Readonly<Partial<Record<ArchiveState, number>>>;
  readonly miners: readonly {
    readonly hotkey: string;
    readonly url: string;
    readonly reachable: boolean;
    readonly caps: readonly string[];
  }[];
}

/**
 * Everything an agent or a person can do with memories; MCP tools and CLI commands call nothing else.
 * Errors are `EngramError`s whose `message` and `fix` may be shown as they are. Ids may be unique prefixes (≥ 8
 * characters after `m_`).
 */
export interface MemoryClient extends AsyncDisposable {
  store(input: StoreInput): Promise<StoreResult>;
  query(input: QueryInput, options?: { readonly signal?: AbortSignal }): Promise<QueryResult>;
  get(ids: readonly string[]): Promise<{ readonly items: readonly Memory[]; readonly missing: readonly string[] }>;
  list(input: ListInput): Promise<{ readonly items: readonly Memory[]; readonly next?: string }>;
  /**
   * Fetches these memories' records from the miners that hold them, best first, or in the order of `ids` without a
   * query. Only what the author's signature covers, under the CID of its content, counts. Errors: `MEMORY_NOT_FOUND`,
   * `MEMORY_PRIVATE`, `MEMORY_NOT_HELD`.
   */
  publicEvidence(
    input: PublicEvidenceInput,
    options?: { readonly signal?: AbortSignal },
  ): Promise<readonly PublicEvidence[]>;
  /** Where a memory's parts lie or are going, at most 200; nothing for an id that is none. */
  copies(id: MemoryId): Promise<readonly CopyAtMiner[]>;
  /** How this home's records are spread over miners, most first. */
  placement(): Promise<readonly Placement[]>;
  /** How many memories a delete would forget: consent asks before more than 20 go. */
  countForDelete(input: { readonly ids: readonly string[] } | { readonly namespace: string }): Promise<number>;
  delete(input: { readonly ids: readonly string[] } | { readonly namespace: string }): Promise<DeleteResult>;
  namespaces(): Promise<readonly NamespaceInfo[]>;
  createNamespace(input: NewNamespaceInput): Promise<NamespaceInfo>;
  status(): Promise<ClientStatus>;
  /** Single-use approvals outside the model (design: consent). `request` returns the code a person passes to `engram approve`. */
  readonly approvals: {
    request(argumentsHash: string, summary: string): Promise<{ readonly code: string; readonly expiresAt: number }>;
    /** What a code waits for, so that a person reads it before agreeing; null when unknown, approved or expired. */
    pending(code: string): Promise<{ readonly summary: string } | null>;
    /** Marks a code as approved by a person; its summary, or null when unknown or expired. */
    approve(code: string): Promise<{ readonly summary: string } | null>;
    /** True once for an approved request with exactly these arguments. */
    consume(argumentsHash: string): Promise<boolean>;
  };
  /** Files and pages, remembered by their text and kept on Arweave where a wallet is configured. */
  readonly archives?: Archives | undefined;
  /** Shares of namespace keys at miners; absent where the client knows no miners. */
  readonly keyShares?: KeyShares | undefined;
  /** Private namespaces that wallets let each other read; absent where the client knows no miners. */
  readonly sharing?: Sharing | undefined;
  /** Proofs that miners hold what they confirmed; absent where the client knows no miners. */
  readonly audits?: Audits | undefined;
  /** Memories of a namespace (or all), oldest first, for export; never held in memory at once. */
  export(namespace?: string): AsyncIterable<Memory>;
  /**
   * Makes the vectors of other models anew by the present one, and says how many were made and how many are left. It may
   * be stopped or killed at any time: what is not done is found by its words, and the next call goes on.
   */
  reindex(options?: ReindexOptions): Promise<{ readonly embedded: number; readonly left: number }>;
  /** Waits until every stored memory has its vector and every due push and delete was tried once. */
  settle(options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Why what was stored here is not yet found by its meaning, as far as this client tried; undefined where all is. */
  unembedded(): string | undefined;
}
