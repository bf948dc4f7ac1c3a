import type { Migrations } from "../../runtime/sqlite.ts";

/** Changes kept for other processes. One that missed more loads its indexes again. */
export const CHANGES_KEPT = 10_000;

/**
 * Ids are never used twice: cursors, and other processes' indexes, hold on to them. The embedding is the last column,
 * so that reading metadata never touches it.
 */
export const vectorStoreMigrations: Migrations = {
  "001-records": [
    `CREATE TABLE record (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      namespace TEXT NOT NULL,
      cid TEXT NOT NULL,
      ingested_by TEXT,
      created_at INTEGER NOT NULL,
      expires_at INTEGER,
      metadata TEXT NOT NULL,
      embedding BLOB NOT NULL
    ) STRICT`,
    // A CID may stand in several namespaces; a record never moves between them (M-W15).
    "CREATE UNIQUE INDEX record_key ON record (cid, namespace)",
    "CREATE INDEX record_order ON record (namespace, id, expires_at)",
    "CREATE INDEX record_expiry_of ON record (namespace, expires_at) WHERE expires_at IS NOT NULL",
    "CREATE INDEX record_expiry ON record (expires_at) WHERE expires_at IS NOT NULL",
    "CREATE TABLE setting (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID",
    `CREATE TABLE change (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      namespace TEXT NOT NULL,
      record INTEGER NOT NULL,
      added INTEGER NOT NULL
    ) STRICT`,
    "CREATE INDEX change_namespace ON change (namespace, seq)",
    // Triggers, so that no write can forget to tell the other processes.
    `CREATE TRIGGER record_added AFTER INSERT ON record BEGIN
      INSERT INTO change (namespace, record, added) VALUES (new.namespace, new.id, 1);
    END`,
    `CREATE TRIGGER record_removed AFTER DELETE ON record BEGIN
      INSERT INTO change (namespace, record, added) VALUES (old.namespace, old.id, 0);
    END`,
  ],
  "002-namespace-owners": [
    `CREATE TABLE namespace_owner (
      name TEXT PRIMARY KEY,
      owner TEXT NOT NULL,
      created_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`,
  ],
};
