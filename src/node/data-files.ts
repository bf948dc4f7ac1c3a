import { localChainMigrations } from "./chain/local/local-chain-schema.ts";
import { memoryMigrations } from "./client/store/memory-schema.ts";
import { budgetMigrations } from "./embedding/budget-operations.ts";
import { uploadMigrations } from "./miner/archive/upload-schema.ts";
import { copyMigrations } from "./miner/copies/copy-schema.ts";
import { shareMigrations } from "./miner/shares/share-schema.ts";
import type { Migrations } from "./runtime/sqlite.ts";
import { replicationMigrations } from "./validator/replication/store/replication-schema.ts";
import { validatorMigrations } from "./validator/store/validator-schema.ts";
import { vectorStoreMigrations } from "./vectors/embedded/embedded-schema.ts";
import { syncMigrations } from "./vectors/qdrant/sync-schema.ts";

/** What lies in each SQLite file that this room writes, by the file's name. */
export const nodeDataFiles: Readonly<Record<string, Migrations>> = {
  "memory.db": memoryMigrations,
  "chain.db": localChainMigrations,
  "embedding-budget.sqlite": budgetMigrations,
  "records.db": vectorStoreMigrations,
  "qdrant.db": syncMigrations,
  "shares.db": shareMigrations,
  "copies.db": copyMigrations,
  "uploads.db": uploadMigrations,
  "validator.db": validatorMigrations,
  "replication.db": replicationMigrations,
};
