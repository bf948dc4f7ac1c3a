import { workerData } from "node:worker_threads";
import { openDatabase } from "../../../runtime/sqlite.ts";
import { runStoreWorker } from "../../../runtime/store-host.ts";
import { createReplicationOperations } from "./replication-operations.ts";
import { replicationMigrations } from "./replication-schema.ts";

await runStoreWorker(async () => {
  const { path } = workerData as { readonly path: string };
  const database = await openDatabase(path, replicationMigrations);
  return { database, operations: createReplicationOperations(database) };
});
