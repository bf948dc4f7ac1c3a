import { StoreWorker } from "../../runtime/store-worker.ts";
import { workerUrl } from "../../runtime/worker-url.ts";
import type { CopyOperations } from "./copy-operations.ts";

/** The journal of copies in a SQLite file of its own, opened by the first call. */
export type CopyStore = StoreWorker<CopyOperations>;

export function openCopyStore(path: string): CopyStore {
  return new StoreWorker({ url: workerUrl("copy-store-worker", import.meta.url), workerData: { path } });
}
