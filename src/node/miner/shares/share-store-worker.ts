import { workerData } from "node:worker_threads";
import { openDatabase } from "../../runtime/sqlite.ts";
import { runStoreWorker } from "../../runtime/store-host.ts";
import { encryptPlainShares } from "./encrypt-plain-shares.ts";
import { ShareCipher } from "./share-cipher.ts";
import { createShareOperations } from "./share-operations.ts";
import { shareMigrations } from "./share-schema.ts";

await runStoreWorker(async () => {
  const { path, key } = workerData as { readonly path: string; readonly key: Uint8Array };
  const cipher = new ShareCipher(key);
  const database = await openDatabase(path, shareMigrations);
  encryptPlainShares(database, cipher);
  return { database, operations: createShareOperations(database, cipher) };
});
