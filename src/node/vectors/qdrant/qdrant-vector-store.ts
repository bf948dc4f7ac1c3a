import type { ScoredRecord, StoredRecord, VectorStore } from "../../ports.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Secret } from "../../runtime/secret.ts";
import { StoreWorker } from "../../runtime/store-worker.ts";
import { workerUrl } from "../../runtime/worker-url.ts";
import { EmbeddedVectorStore } from "../embedded/embedded-vector-store.ts";
import { indexBehind } from "./index-errors.ts";
import type { QdrantCollectionOptions } from "./qdrant-collection.ts";
import type { QdrantOperations } from "./qdrant-operations.ts";

export interface QdrantSettings {
  /** As of `parseQdrantUrl`. */
  readonly url: string;
  readonly apiKey?: Secret<string>;
  readonly collection: string;
  /** Searches Qdrant's graph with this `hnsw_ef`, which may miss a neighbour; exactly when not given. */
  readonly hnswEf?: number;
  /** Of a cluster: parts of a new collection, and copies of each; Qdrant's own defaults when not given. */
  readonly shards?: number;
  readonly replicas?: number;
}

export interface QdrantVectorStoreOptions extends QdrantSettings {
  /** The SQLite file of the records, as of the embedded store; what is known of the index is kept beside it. */
  readonly path: string;
  readonly clock?: Clock;
  /** Numbers in this miner's vectors, so that a collection for others is refused at the start. */
  readonly dimension?: number;
  /** For each call to Qdrant; default 4 s. */
  readonly deadlineMs?: number;
  readonly logLevel?: string;
}

export interface QdrantWorkerData {
  readonly path: string;
  readonly collection: QdrantCollectionOptions;
  readonly dimension: number | undefined;
  readonly logLevel: string;
}

const DEADLINE_MS = 4_000;
/** Changes the index may lack before no more records are taken. Beyond 10,000 the journal forgets which they were. */
const PENDING_LIMIT = 8_000;

/**
 * The embedded store's file, with Qdrant in place of its memory: the file is the only truth and answers everything but
 * searches; a write is on disk when it resolves, and Qdrant follows. A search needs Qdrant, and shows what was written
 * since from the file. A Qdrant that lost something, or everything, is filled again.
 *
 * Errors: those of `EmbeddedVectorStore`; of searches `VECTOR_INDEX_DOWN`, `VECTOR_INDEX_BUILDING` (both pass) and what
 * only the operator can mend, `VECTOR_INDEX_DENIED`, `VECTOR_INDEX_MISMATCH`, `VECTOR_INDEX_FOREIGN`,
 * `VECTOR_INDEX_REFUSED`; of `put` `VECTOR_INDEX_BEHIND`.
 */
export class QdrantVectorStore extends EmbeddedVectorStore {
  readonly #index: StoreWorker<QdrantOperations>;
  /** Changes the index lacked when it was last asked, and what was put since; never too few. */
  #pending = 0;
  /** Records of all puts so far, and of those that are not on disk yet. */
  #put = 0;
  #storing = 0;
  #isAsking = false;

  constructor(options: QdrantVectorStoreOptions) {
    super(options);
    const { path, dimension, logLevel = "silent", deadlineMs = DEADLINE_MS } = options;
    const { url, collection: name, hnswEf, shards, replicas } = options;
    // A port takes no `Secret`; nobody prints what is posted there.
    const collection = { url, apiKey: options.apiKey?.reveal(), name, deadlineMs, hnswEf, shards, replicas };
    const workerData: QdrantWorkerData = { path, collection, dimension, logLevel };
    this.#index = new StoreWorker({ url: workerUrl("qdrant-worker", import.meta.url), workerData });
  }

  /**
   * Begins to bring the index up to date. Throws what only the operator can mend; with a Qdrant that is away, or that
   * lacks everything, the store is ready for all but searches.
   */
  async start(): Promise<void> {
    await this.count();
    await this.#index.call("start", null);
  }

  override async put(
    records: readonly StoredRecord[],
  ): Promise<readonly { readonly cid: string; readonly created: boolean }[]> {
    const { length } = records;
    if (this.#pending + length > PENDING_LIMIT) await this.#ask();
    if (this.#pending + length > PENDING_LIMIT) throw indexBehind(this.#pending);
    this.#pending += length;
    this.#put += length;
    this.#storing += length;
    try {
      return await super.put(records);
    } finally {
      this.#storing -= length;
      this.#nudge();
    }
  }

  override async search(query: Parameters<VectorStore["search"]>[0]): Promise<readonly ScoredRecord[]> {
    return await this.#index.call("search", query);
  }

  override async delete(namespace: string, cid: string): Promise<boolean> {
    const deleted = await super.delete(namespace, cid);
    this.#nudge();
    return deleted;
  }

  override async expire(now: number): Promise<number> {
    const removed = await super.expire(now);
    if (removed > 0) this.#nudge();
    return removed;
  }

  /** Not waited for: the write is safe, and searches know of it. */
  #nudge(): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    this.#ask()
      // The index's own thread looks again by itself.
      .catch(() => undefined)
      .finally(() => {
        this.#isAsking = false;
      });
  }

  /** What was put while the answer was on its way may not be in it. */
  async #ask(): Promise<void> {
    const [put, storing] = [this.#put, this.#storing];
    const pending = await this.#index.call("nudge", null);
    this.#pending = pending + storing + this.#put - put;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.#index[Symbol.asyncDispose]();
    await super[Symbol.asyncDispose]();
  }
}
