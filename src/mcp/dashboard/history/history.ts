import { join } from "node:path";
import { StoreWorker } from "../../../node/runtime/store-worker.ts";
import { workerUrl } from "../../../node/runtime/worker-url.ts";
import type { HistoryOperations } from "./history-operations.ts";

/** What the dashboard saw over time, in a file of its own; it may be deleted at any time. */
export type History = StoreWorker<HistoryOperations>;

export function openHistory(home: string): History {
  const path = join(home, "dashboard.sqlite");
  return new StoreWorker({ url: workerUrl("history-worker", import.meta.url), workerData: { path } });
}
