import { workerData } from "node:worker_threads";
import { openDatabase } from "../../node/runtime/sqlite.ts";
import { runStoreWorker } from "../../node/runtime/store-host.ts";
import { createLedgerOperations } from "./ledger-operations.ts";
import { ledgerMigrations } from "./ledger-schema.ts";

await runStoreWorker(async () => {
  const { path } = workerData as { readonly path: string };
  const database = await openDatabase(path, ledgerMigrations);
  return { database, operations: createLedgerOperations(database) };
});
