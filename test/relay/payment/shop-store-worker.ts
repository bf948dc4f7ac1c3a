import { workerData } from "node:worker_threads";
import { openDatabase } from "../../../src/node/runtime/sqlite.ts";
import { runStoreWorker } from "../../../src/node/runtime/store-host.ts";
import { mismatchMigration, paymentMigration } from "../../../src/relay/gateway/payment-schema.ts";
import { createShopOperations } from "./shop-operations.ts";

await runStoreWorker(async () => {
  const database = await openDatabase((workerData as { readonly path: string }).path, {
    "001-payment": [...paymentMigration, ...mismatchMigration],
    "002-delivery": ["CREATE TABLE delivery (signed_hash TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT"],
  });
  return { database, operations: createShopOperations(database) };
});
