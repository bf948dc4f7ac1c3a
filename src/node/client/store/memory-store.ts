import { join } from "node:path";
import { StoreWorker } from "../../runtime/store-worker.ts";
import { workerUrl } from "../../runtime/worker-url.ts";
import type { MemoryStoreOperations } from "./store-operations.ts";

/** memory.db behind its worker: the worker starts at the first call. */
export type MemoryStore = StoreWorker<MemoryStoreOperations>;

/** The memory store of a data folder. Nothing is opened or created before the first call. */
export function memoryStore(home: string): MemoryStore {
  return new StoreWorker({
    url: workerUrl("memory-store-worker", import.meta.url),
    workerData: { path: join(home, "memory.db") },
  });
}
