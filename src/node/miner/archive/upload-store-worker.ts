import { workerData } from "node:worker_threads";
import { openDatabase } from "../../runtime/sqlite.ts";
import { runStoreWorker } from "../../runtime/store-host.ts";
import { createUploadOperations } from "./upload-operations.ts";
import { uploadMigrations } from "./upload-schema.ts";

await runStoreWorker(async () => {
  const { path } = workerData as { readonly path: string };
  const database = await openDatabase(path, uploadMigrations);
  return { database, operations: createUploadOperations(database) };
});
