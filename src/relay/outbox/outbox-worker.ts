import { workerData } from "node:worker_threads";
import { openDatabase } from "../../node/runtime/sqlite.ts";
import { runStoreWorker } from "../../node/runtime/store-host.ts";
import { createOutboxOperations } from "./outbox-operations.ts";
import { outboxMigrations } from "./outbox-schema.ts";

await runStoreWorker(async () => {
  const { path } = workerData as { readonly path: string };
  const database = await openDatabase(path, outboxMigrations);
  return { database, operations: createOutboxOperations(database) };
});
