import type { Secret } from "../../runtime/secret.ts";
import { StoreWorker } from "../../runtime/store-worker.ts";
import { workerUrl } from "../../runtime/worker-url.ts";
import type { ShareOperations } from "./share-operations.ts";

/** Key shares in a SQLite file of their own, opened by the first call. */
export type ShareStore = StoreWorker<ShareOperations>;

/** `key` has 32 bytes: whoever has it and the file has the shares. */
export function openShareStore(path: string, key: Secret<Uint8Array>): ShareStore {
  const workerData = { path, key: key.reveal() };
  return new StoreWorker({ url: workerUrl("share-store-worker", import.meta.url), workerData });
}
