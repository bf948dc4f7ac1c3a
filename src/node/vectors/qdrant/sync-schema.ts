import type { Migrations } from "../../runtime/sqlite.ts";

/**
 * What this journal knows of its index: how far it got there. It stands apart from the records, so that a folder may
 * change between the embedded and the Qdrant store and back.
 */
export const syncMigrations: Migrations = {
  "001-index": [
    `CREATE TABLE vector_index (
      one INTEGER PRIMARY KEY CHECK (one = 1),
      journal TEXT NOT NULL,
      salt BLOB NOT NULL,
      applied INTEGER NOT NULL,
      stamp TEXT NOT NULL,
      ready INTEGER NOT NULL
    ) STRICT`,
  ],
};
