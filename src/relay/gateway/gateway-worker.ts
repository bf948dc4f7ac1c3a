import { workerData } from "node:worker_threads";
import { openWallet } from "../../node/chain/wallet.ts";
import { openDatabase } from "../../node/runtime/sqlite.ts";
import { runStoreWorker } from "../../node/runtime/store-host.ts";
import { createGatewayOperations } from "./gateway-operations.ts";
import { gatewayMigrations } from "./gateway-schema.ts";

await runStoreWorker(async () => {
  const { path, identity } = workerData as { readonly path: string; readonly identity: string };
  const database = await openDatabase(path, gatewayMigrations);
  return { database, operations: createGatewayOperations(database, await openWallet(identity)) };
});
