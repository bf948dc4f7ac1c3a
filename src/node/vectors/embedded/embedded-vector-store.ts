import type { RecordPage, ScoredRecord, StoredRecord, VectorStore } from "../../ports.ts";
import { type Clock, systemClock } from "../../runtime/clock.ts";
import { StoreWorker } from "../../runtime/store-worker.ts";
import { workerUrl } from "../../runtime/worker-url.ts";
import { type NamespaceRegistry, StoredNamespaceRegistry } from "./namespace-registry.ts";
import type { VectorStoreOperations } from "./operations.ts";

export interface EmbeddedVectorStoreOptions {
  /** The SQLite file; it and its folder are made when missing. */
  readonly path: string;
  readonly clock?: Clock;
}

/**
 * Records in one SQLite file, searched exactly in memory. The file is the only truth: a write is on disk before it
 * resolves, and whatever other processes write to the same file is seen by the next search. Opened at the first call.
 *
 * Errors: `VECTOR_INVALID`, `VECTOR_DIMENSION` (one dimension per file), `RECORD_INVALID`, `LIMIT_INVALID`,
 * `CURSOR_INVALID`, `NAMESPACE_RESERVED`, `DATA_TOO_NEW`, and the `STORE_…` errors of `StoreWorker`.
 */
export class EmbeddedVectorStore implements VectorStore {
  /** Who owns which namespace: in the same file, so that a namespace ends together with its records. */
  readonly namespaces: NamespaceRegistry;
  readonly #worker: StoreWorker<VectorStoreOperations>;
  readonly #clock: Clock;

  constructor({ path, clock = systemClock }: EmbeddedVectorStoreOptions) {
    this.#worker = new StoreWorker({ url: workerUrl("vector-store-worker", import.meta.url), workerData: { path } });
    this.#clock = clock;
    this.namespaces = new StoredNamespaceRegistry(this.#worker);
  }

  async put(records: readonly StoredRecord[]): Promise<readonly { readonly cid: string; readonly created: boolean }[]> {
    return await this.#worker.call("put", { records });
  }

  async get(namespace: string, cid: string): Promise<StoredRecord | null> {
    return await this.#worker.call("get", { namespace, cid, now: this.#clock.now() });
  }

  async locate(cid: string): Promise<readonly StoredRecord[]> {
    return await this.#worker.call("locate", { cid, now: this.#clock.now() });
  }

  async search(query: Parameters<VectorStore["search"]>[0]): Promise<readonly ScoredRecord[]> {
    return await this.#worker.call("search", query);
  }

  async list(query: Parameters<VectorStore["list"]>[0]): Promise<RecordPage> {
    return await this.#worker.call("list", query);
  }

  async delete(namespace: string, cid: string): Promise<boolean> {
    return await this.#worker.call("delete", { namespace, cid, now: this.#clock.now() });
  }

  async expire(now: number): Promise<number> {
    return await this.#worker.call("expire", { now });
  }

  async count(namespace?: string): Promise<number> {
    const now = this.#clock.now();
    return await this.#worker.call("count", namespace === undefined ? { now } : { namespace, now });
  }

  get waiting(): number {
    return this.#worker.waiting;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker[Symbol.asyncDispose]();
  }
}
