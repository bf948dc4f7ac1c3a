import { workerData } from "node:worker_threads";
import { openDatabase } from "../../node/runtime/sqlite.ts";
import { runStoreWorker } from "../../node/runtime/store-host.ts";
import { openIdentity } from "./change-ledger.ts";
import { createGatewayOperations } from "./gateway-operations.ts";
import { gatewayMigrations } from "./gateway-schema.ts";
import type { GatewayWorkerData } from "./gateway-store.ts";
import { signingKey } from "./ledger-operations.ts";

await runStoreWorker(async () => {
  const { path, folder, anyKey } = workerData as GatewayWorkerData;
  const database = await openDatabase(path, gatewayMigrations);
  const signer = await openIdentity(folder, signingKey(database));
  return { database, operations: createGatewayOperations(database, signer, { anyKey }) };
});
