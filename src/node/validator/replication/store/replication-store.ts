import { StoreWorker } from "../../../runtime/store-worker.ts";
import { workerUrl } from "../../../runtime/worker-url.ts";
import type { ReplicationOperations } from "./replication-operations.ts";

/** Who holds what, in a SQLite file and thread of its own: scoring waits for none of it. Opened by the first call. */
export type ReplicationStore = StoreWorker<ReplicationOperations>;

export function openReplicationStore(path: string): ReplicationStore {
  return new StoreWorker({ url: workerUrl("replication-store-worker", import.meta.url), workerData: { path } });
}
