import type { StoreOperations } from "./store-host.ts";
import { WorkerCalls } from "./worker-calls.ts";

export interface StoreWorkerOptions {
  /** The worker module: it calls `runStoreWorker`. */
  readonly url: URL;
  readonly workerData: unknown;
}

/**
 * The caller's side of a store worker; SQLite itself never runs on this thread. A write resolves after its fsync.
 *
 * Errors: those of the operation; `STORE_CLOSED`; `STORE_BUSY` (too much is waiting, or another process holds the
 * file); `STORE_FULL` (the disk); `STORE_FAILED` when the thread ended before it answered: the file stays sound, the
 * write may or may not have taken effect, and the next call opens the file again.
 */
export class StoreWorker<O extends StoreOperations> extends WorkerCalls<O["reads"] & O["writes"]> {
  constructor({ url, workerData }: StoreWorkerOptions) {
    const alongside = async () => (await import("./sqlite-pin.ts")).pinSqlite();
    super({ url, workerData, code: "STORE", what: "the store", alongside });
  }
}
