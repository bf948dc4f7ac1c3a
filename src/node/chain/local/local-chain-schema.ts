import type { Migrations } from "../../runtime/sqlite.ts";

export const localChainMigrations: Migrations = {
  "001-local-chain": [
    // One row: `number` is its key, so that of two processes that create the chain one wins.
    `CREATE TABLE genesis (
      number INTEGER PRIMARY KEY CHECK (number = 0),
      identity TEXT NOT NULL,
      at INTEGER NOT NULL
    ) STRICT`,
    `CREATE TABLE neuron (
      uid INTEGER PRIMARY KEY,
      hotkey TEXT NOT NULL UNIQUE,
      coldkey TEXT NOT NULL,
      endpoint TEXT
    ) STRICT`,
  ],
};
