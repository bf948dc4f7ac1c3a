import type { Migrations } from "../../runtime/sqlite.ts";

/** Changes kept for other processes. One that missed more loads its indexes again. */
export const CHANGES_KEPT = 10_000;

/**
 * What a record says stands apart from what it is called by, in tables that only grow, at the end. SQLite copies rows
 * when it splits and merges pages, and `secure_delete` does not reach the copies that stay in a page's unused middle
 * (measured: one text in 1,500 deleted). Rows that are never moved have no copies, and a deleted one is overwritten
 * where it stands, by as many bytes. `compactErased` gives the room back.
 */
const contentTables = [
  "CREATE TABLE record_metadata (record INTEGER PRIMARY KEY, json TEXT NOT NULL) STRICT",
  "CREATE TABLE record_embedding (record INTEGER PRIMARY KEY, vector BLOB NOT NULL) STRICT",
];

/** Triggers, so that no write can forget to erase, or to tell the other processes. */
const triggers = [
  `CREATE TRIGGER record_added AFTER INSERT ON record BEGIN
    INSERT INTO change (namespace, record, added) VALUES (new.namespace, new.id, 1);
  END`,
  `CREATE TRIGGER record_removed AFTER DELETE ON record BEGIN
    INSERT INTO change (namespace, record, added) VALUES (old.namespace, old.id, 0);
    UPDATE setting SET value = value
      + (SELECT octet_length(json) FROM record_metadata WHERE record = old.id)
      + (SELECT octet_length(vector) FROM record_embedding WHERE record = old.id)
      WHERE name = 'erased_bytes';
    UPDATE record_metadata SET json = replace(hex(zeroblob(octet_length(json))), '00', '0') WHERE record = old.id;
    UPDATE record_embedding SET vector = zeroblob(octet_length(vector)) WHERE record = old.id;
  END`,
];

/** Ids are never used twice: cursors, and other processes' indexes, hold on to them. */
export const vectorStoreMigrations: Migrations = {
  "001-records": [
    `CREATE TABLE record (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      namespace TEXT NOT NULL,
      cid TEXT NOT NULL,
      ingested_by TEXT,
      created_at INTEGER NOT NULL,
      expires_at INTEGER
    ) STRICT`,
    // A CID may stand in several namespaces; a record never moves between them (M-W15).
    "CREATE UNIQUE INDEX record_key ON record (cid, namespace)",
    "CREATE INDEX record_order ON record (namespace, id, expires_at)",
    "CREATE INDEX record_expiry_of ON record (namespace, expires_at) WHERE expires_at IS NOT NULL",
    "CREATE INDEX record_expiry ON record (expires_at) WHERE expires_at IS NOT NULL",
    "CREATE TABLE setting (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "INSERT INTO setting (name, value) VALUES ('erased_bytes', 0)",
    `CREATE TABLE change (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      namespace TEXT NOT NULL,
      record INTEGER NOT NULL,
      added INTEGER NOT NULL
    ) STRICT`,
    "CREATE INDEX change_namespace ON change (namespace, seq)",
    ...contentTables,
    ...triggers,
  ],
  "002-namespace-owners": [
    `CREATE TABLE namespace_owner (
      name TEXT PRIMARY KEY,
      owner TEXT NOT NULL,
      created_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`,
  ],
  "003-namespace-tombstones": [
    "ALTER TABLE namespace_owner ADD COLUMN deleted_at INTEGER",
    // Of namespaces of the old scheme, never the key itself: that is what their records are encrypted under (M-W4).
    `CREATE TABLE namespace_key (
      name TEXT PRIMARY KEY,
      verifier BLOB NOT NULL,
      created_at INTEGER NOT NULL,
      deleted_at INTEGER
    ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE namespace_attestation (
      name TEXT PRIMARY KEY,
      owner TEXT NOT NULL,
      attested_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`,
    // A record that was on its way when its namespace was deleted is refused, not left behind without an owner.
    `CREATE TRIGGER record_refused BEFORE INSERT ON record WHEN EXISTS (
      SELECT 1 FROM namespace_owner WHERE name = new.namespace AND deleted_at IS NOT NULL
      UNION ALL SELECT 1 FROM namespace_key WHERE name = new.namespace AND deleted_at IS NOT NULL
    ) BEGIN
      SELECT RAISE(ABORT, 'the namespace was deleted');
    END`,
  ],
  "004-namespaces-by-owner": ["CREATE INDEX namespace_owner_of ON namespace_owner (owner, name)"],
  // Both are one owner's: what an earlier one granted ended with the hand-over.
  "005-namespace-epochs": [
    `CREATE TABLE namespace_epoch (
      name TEXT PRIMARY KEY,
      owner TEXT NOT NULL,
      epoch INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE namespace_letter (
      name TEXT NOT NULL,
      reader TEXT NOT NULL,
      sealed TEXT NOT NULL,
      PRIMARY KEY (name, reader)
    ) STRICT`,
  ],
  // One of each owner: a namespace that comes back to one of them comes back with its epoch.
  "006-epochs-of-owners": [
    `CREATE TABLE namespace_epoch_of (
      name TEXT NOT NULL,
      owner TEXT NOT NULL,
      epoch INTEGER NOT NULL,
      PRIMARY KEY (name, owner)
    ) STRICT, WITHOUT ROWID`,
    "INSERT INTO namespace_epoch_of (name, owner, epoch) SELECT name, owner, epoch FROM namespace_epoch",
    "DROP TABLE namespace_epoch",
    "ALTER TABLE namespace_epoch_of RENAME TO namespace_epoch",
  ],
};
