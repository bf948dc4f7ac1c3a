import { workerData } from "node:worker_threads";
import { openDatabase } from "../../runtime/sqlite.ts";
import { runStoreWorker } from "../../runtime/store-host.ts";
import { createLocalChainOperations } from "./local-chain-operations.ts";
import { localChainMigrations } from "./local-chain-schema.ts";
import type { LocalChainSettings } from "./local-chain-settings.ts";

await runStoreWorker(async () => {
  const { path, now, settings } = workerData as {
    readonly path: string;
    readonly now: number;
    readonly settings: LocalChainSettings;
  };
  const database = await openDatabase(path, localChainMigrations);
  return { database, operations: createLocalChainOperations(database, now, settings) };
});
