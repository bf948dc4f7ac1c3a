import type { Migrations } from "../../../node/runtime/sqlite.ts";

export const historyMigrations: Migrations = {
  "001-history": [
    `CREATE TABLE sample (
      at INTEGER PRIMARY KEY,
      memories INTEGER NOT NULL,
      copies INTEGER NOT NULL,
      waiting INTEGER NOT NULL,
      miners INTEGER NOT NULL,
      block INTEGER NOT NULL
    ) STRICT`,
  ],
};
