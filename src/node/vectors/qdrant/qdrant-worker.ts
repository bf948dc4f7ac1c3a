import { dirname, join } from "node:path";
import { workerData } from "node:worker_threads";
import { createLogger } from "../../runtime/logger.ts";
import { openDatabase } from "../../runtime/sqlite.ts";
import { runStoreWorker } from "../../runtime/store-host.ts";
import { vectorStoreMigrations } from "../embedded/embedded-schema.ts";
import { IndexSync } from "./index-sync.ts";
import { Journal } from "./journal.ts";
import { MetadataTerms } from "./metadata-terms.ts";
import { ProcessLock } from "./process-lock.ts";
import { QdrantCollection } from "./qdrant-collection.ts";
import { createQdrantOperations } from "./qdrant-operations.ts";
import type { QdrantWorkerData } from "./qdrant-vector-store.ts";
import { SyncLoop } from "./sync-loop.ts";
import { syncMigrations } from "./sync-schema.ts";
import { SyncState } from "./sync-state.ts";

await runStoreWorker(async () => {
  const { path, collection: options, dimension, logLevel } = workerData as QdrantWorkerData;
  const collection = new QdrantCollection(options);
  const records = await openDatabase(path, vectorStoreMigrations);
  const database = await openDatabase(join(dirname(path), "qdrant.db"), syncMigrations);
  const lock = await ProcessLock.open(join(dirname(path), "qdrant-lock.db"));
  const journal = new Journal(records);
  const state = new SyncState(database);
  const logger = createLogger({ level: logLevel });
  const terms = new MetadataTerms(state.salt);
  const sync = new IndexSync({ journal, collection, terms, state, logger, dimension });
  const hasWork = () => {
    const { applied, ready } = state.read();
    return !ready || journal.head() !== applied;
  };
  const loop = new SyncLoop({ sync, logger, takeLock: () => lock.take(), hasWork });
  return {
    database,
    operations: createQdrantOperations({ journal, collection, terms, state, sync, loop }),
    close: async () => {
      await loop[Symbol.asyncDispose]();
      lock.close();
      records.close();
    },
  };
});
