import type { Migrations } from "../../runtime/sqlite.ts";

/**
 * Shares lie encrypted under the miner's own key: the file alone tells nothing of them. `share` is how they lay before;
 * `encryptPlainShares` moves its rows.
 */
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
  "002-encrypted": [
    `CREATE TABLE kept (
      epoch_place BLOB PRIMARY KEY, namespace_place BLOB NOT NULL, owner_place BLOB NOT NULL, content BLOB NOT NULL
    ) STRICT, WITHOUT ROWID`,
    "CREATE INDEX kept_by_namespace ON kept (namespace_place)",
    "CREATE INDEX kept_by_owner ON kept (owner_place)",
    // Outlives the shares: what was revoked stays revoked.
    `CREATE TABLE epoch_floor (
      namespace_place BLOB PRIMARY KEY, owner_place BLOB NOT NULL, content BLOB NOT NULL) STRICT, WITHOUT ROWID`,
    "CREATE INDEX epoch_floor_by_owner ON epoch_floor (owner_place)",
  ],
};
