import { workerData } from "node:worker_threads";
import { runStoreWorker } from "../../runtime/store-host.ts";
import { ScanClient } from "../../vectors/scan/scan-client.ts";
import { openMemoryDatabase } from "./memory-schema.ts";
import { storeOperations } from "./store-operations.ts";

await runStoreWorker(async () => {
  const { path } = workerData as { readonly path: string };
  const database = await openMemoryDatabase(path);
  const scan = new ScanClient();
  return {
    database,
    operations: storeOperations(database, scan),
    close: () => scan[Symbol.asyncDispose](),
  };
});
