import { workerData } from "node:worker_threads";
import { openDatabase } from "../../runtime/sqlite.ts";
import { runStoreWorker } from "../../runtime/store-host.ts";
import { createCopyOperations } from "./copy-operations.ts";
import { copyMigrations } from "./copy-schema.ts";

await runStoreWorker(async () => {
  const { path } = workerData as { readonly path: string };
  const database = await openDatabase(path, copyMigrations);
  return { database, operations: createCopyOperations(database) };
});
