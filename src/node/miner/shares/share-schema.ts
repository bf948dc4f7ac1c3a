import type { Migrations } from "../../runtime/sqlite.ts";

/** Shares lie as they came, sealed to the miner's key: the file alone gives none of them away. */
export const shareMigrations: Migrations = {
  "001-shares": [
    `CREATE TABLE share (
      namespace TEXT NOT NULL,
      epoch INTEGER NOT NULL,
      owner TEXT NOT NULL,
      share_index INTEGER NOT NULL,
      sealed TEXT NOT NULL,
      manifest TEXT NOT NULL,
      manifest_signature TEXT NOT NULL,
      stored_at INTEGER NOT NULL,
      PRIMARY KEY (namespace, epoch)
    ) STRICT, WITHOUT ROWID`,
    "CREATE INDEX share_owner ON share (owner)",
  ],
};
