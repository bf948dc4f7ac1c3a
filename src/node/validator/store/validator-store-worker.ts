import { workerData } from "node:worker_threads";
import { openDatabase } from "../../runtime/sqlite.ts";
import { runStoreWorker } from "../../runtime/store-host.ts";
import { createValidatorOperations } from "./validator-operations.ts";
import { validatorMigrations } from "./validator-schema.ts";

await runStoreWorker(async () => {
  const { path } = workerData as { readonly path: string };
  const database = await openDatabase(path, validatorMigrations);
  return { database, operations: createValidatorOperations(database) };
});
