import { StoreWorker } from "../../runtime/store-worker.ts";
import { workerUrl } from "../../runtime/worker-url.ts";
import type { UploadOperations } from "./upload-operations.ts";

/** A miner's uploads in a SQLite file of their own, opened by the first call. */
export type UploadStore = StoreWorker<UploadOperations>;

export function openUploadStore(path: string): UploadStore {
  return new StoreWorker({ url: workerUrl("upload-store-worker", import.meta.url), workerData: { path } });
}
