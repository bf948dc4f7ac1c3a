import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { workerData } from "node:worker_threads";
import { runStoreWorker } from "../../runtime/store-host.ts";
import { ScanClient } from "../../vectors/scan/scan-client.ts";
import { openMemoryDatabase } from "./memory-schema.ts";
import { storeOperations } from "./store-operations.ts";

await runStoreWorker(async () => {
  const { path } = workerData as { readonly path: string };
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  // The memories are plain text: the file, and the log that inherits its mode, are for its owner alone.
  await (await open(path, "a", 0o600)).close();
  const database = await openMemoryDatabase(path);
  const scan = new ScanClient();
  return {
    database,
    operations: storeOperations(database, scan),
    close: () => scan[Symbol.asyncDispose](),
  };
});
