import { workerData } from "node:worker_threads";
import { openDatabase } from "../../../node/runtime/sqlite.ts";
import { runStoreWorker } from "../../../node/runtime/store-host.ts";
import { createHistoryOperations } from "./history-operations.ts";
import { historyMigrations } from "./history-schema.ts";

await runStoreWorker(async () => {
  const { path } = workerData as { readonly path: string };
  const database = await openDatabase(path, historyMigrations);
  return { database, operations: createHistoryOperations(database) };
});
