import { workerData } from "node:worker_threads";
import { openDatabase } from "../../runtime/sqlite.ts";
import { runStoreWorker } from "../../runtime/store-host.ts";
import { ScanClient } from "../scan/scan-client.ts";
import { compactErased } from "./compact-erased.ts";
import { vectorStoreMigrations } from "./embedded-schema.ts";
import { createVectorStoreOperations } from "./operations.ts";

await runStoreWorker(async () => {
  const { path } = workerData as { readonly path: string };
  const database = await openDatabase(path, vectorStoreMigrations);
  compactErased(database);
  const scan = new ScanClient();
  return {
    database,
    operations: createVectorStoreOperations(database, scan),
    close: () => scan[Symbol.asyncDispose](),
  };
});
