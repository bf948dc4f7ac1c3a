import type { Migrations } from "../../../runtime/sqlite.ts";

/** Copies are known by the holder's hotkey: whoever takes over a uid holds nothing of it (V-W29). */
export const replicationMigrations: Migrations = {
  "001-replication": [
    `CREATE TABLE record (
      cid TEXT PRIMARY KEY,
      embedding BLOB,
      metadata TEXT,
      expires_at INTEGER,
      next_at INTEGER NOT NULL,
      attempts INTEGER NOT NULL DEFAULT 0
    ) STRICT`,
    "CREATE INDEX record_due ON record (next_at)",
    `CREATE TABLE copy (
      cid TEXT NOT NULL REFERENCES record (cid) ON DELETE CASCADE,
      miner TEXT NOT NULL,
      confirmed_at INTEGER,
      PRIMARY KEY (cid, miner)
    ) STRICT, WITHOUT ROWID`,
    "CREATE INDEX copy_of_miner ON copy (miner)",
  ],
};
