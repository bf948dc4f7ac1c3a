import type { Migrations } from "../../runtime/sqlite.ts";

/** What a miner has yet to push on, what it has pushed, and what it has yet to take back. */
export const copyMigrations: Migrations = {
  "001-copies": [
    `CREATE TABLE copy (
      cid TEXT NOT NULL,
      hotkey TEXT NOT NULL,
      task TEXT NOT NULL CHECK (task IN ('push', 'held', 'remove')),
      attempts INTEGER NOT NULL DEFAULT 0,
      next_at INTEGER NOT NULL,
      PRIMARY KEY (cid, hotkey)
    ) STRICT, WITHOUT ROWID`,
    "CREATE INDEX copy_due ON copy (next_at) WHERE task <> 'held'",
    "CREATE TABLE walked (id INTEGER PRIMARY KEY CHECK (id = 1), after TEXT NOT NULL) STRICT",
  ],
};
