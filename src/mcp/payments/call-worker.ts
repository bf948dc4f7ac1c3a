import { workerData } from "node:worker_threads";
import { openDatabase } from "../../node/runtime/sqlite.ts";
import { runStoreWorker } from "../../node/runtime/store-host.ts";
import { callMigrations, createCallOperations } from "./call-operations.ts";

await runStoreWorker(async () => {
  const { path } = workerData as { readonly path: string };
  const database = await openDatabase(path, callMigrations);
  return { database, operations: createCallOperations(database) };
});
