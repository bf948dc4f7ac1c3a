import { StoreWorker } from "../../runtime/store-worker.ts";
import { workerUrl } from "../../runtime/worker-url.ts";
import type { LeafOperations } from "./leaf-worker.ts";
import type { LeafSnapshot } from "./public-leaves.ts";

/** What a miner commits to: the tree of its public records (spec 4). */
export interface RecordCommitments extends AsyncDisposable {
  /**
   * Root and count after everything that was acknowledged before the call, and the proof of `leaf` in that same tree;
   * null when it is not in it.
   */
  snapshot(leaf?: { readonly cid: string; readonly embeddingHash: string }): Promise<LeafSnapshot>;
}

/**
 * Commitments over the file of an `EmbeddedVectorStore`, on a thread and a connection of their own: hashing a large
 * tree holds up neither the miner nor its store. Nothing of the tree is kept on disk; the file alone is true, so that
 * a killed process leaves nothing to repair. Opened at the first question. Errors: the `STORE_…` errors of
 * `StoreWorker`, `DATA_TOO_NEW`.
 */
export class EmbeddedCommitments implements RecordCommitments {
  readonly #worker: StoreWorker<LeafOperations>;

  constructor(options: { readonly path: string }) {
    this.#worker = new StoreWorker({ url: workerUrl("leaf-worker", import.meta.url), workerData: options });
  }

  async snapshot(leaf?: { readonly cid: string; readonly embeddingHash: string }): Promise<LeafSnapshot> {
    return await this.#worker.call("snapshot", leaf ?? null);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker[Symbol.asyncDispose]();
  }
}
