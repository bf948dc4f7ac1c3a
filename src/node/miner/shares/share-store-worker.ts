import { workerData } from "node:worker_threads";
import { openDatabase } from "../../runtime/sqlite.ts";
import { runStoreWorker } from "../../runtime/store-host.ts";
import { createShareOperations } from "./share-operations.ts";
import { shareMigrations } from "./share-schema.ts";

await runStoreWorker(async () => {
  const { path } = workerData as { readonly path: string };
  const database = await openDatabase(path, shareMigrations);
  return { database, operations: createShareOperations(database) };
});
