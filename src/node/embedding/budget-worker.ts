import { workerData } from "node:worker_threads";
import { openDatabase } from "../runtime/sqlite.ts";
import { runStoreWorker } from "../runtime/store-host.ts";
import { budgetMigrations, createBudgetOperations } from "./budget-operations.ts";

await runStoreWorker(async () => {
  const { path } = workerData as { readonly path: string };
  const database = await openDatabase(path, budgetMigrations);
  return { database, operations: createBudgetOperations(database) };
});
