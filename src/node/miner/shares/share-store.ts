import { StoreWorker } from "../../runtime/store-worker.ts";
import { workerUrl } from "../../runtime/worker-url.ts";
import type { ShareOperations } from "./share-operations.ts";

/** Key shares in a SQLite file of their own, opened by the first call. */
export type ShareStore = StoreWorker<ShareOperations>;

export function openShareStore(path: string): ShareStore {
  return new StoreWorker({ url: workerUrl("share-store-worker", import.meta.url), workerData: { path } });
}
