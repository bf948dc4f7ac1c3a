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
  "002-blocks": [
    "ALTER TABLE genesis ADD COLUMN blocks TEXT NOT NULL DEFAULT 'clock'",
    "ALTER TABLE genesis ADD COLUMN block_ms INTEGER NOT NULL DEFAULT 12000",
    "ALTER TABLE genesis ADD COLUMN finality_lag INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE genesis ADD COLUMN history_blocks INTEGER NOT NULL DEFAULT 1024",
    "ALTER TABLE genesis ADD COLUMN weights_interval INTEGER NOT NULL DEFAULT 20",
    // The newest block anybody wrote in: a clock that is set back takes none away.
    "ALTER TABLE genesis ADD COLUMN head INTEGER NOT NULL DEFAULT 0",
    // From block `first` on, hashes are made with this salt: one row per reorganisation instead of one per block.
    "CREATE TABLE branch (first INTEGER PRIMARY KEY, salt TEXT NOT NULL) STRICT",
    // The state, by the block since which it holds: the value as of a block is the newest one at or below it.
    `CREATE TABLE fact (
      kind TEXT NOT NULL,
      key TEXT NOT NULL,
      block INTEGER NOT NULL,
      value TEXT NOT NULL,
      PRIMARY KEY (kind, key, block)
    ) STRICT, WITHOUT ROWID`,
    "CREATE INDEX fact_block ON fact (block)",
    // Calls in blocks that are not final: those that a reorganisation may include again.
    "CREATE TABLE call (seq INTEGER PRIMARY KEY, block INTEGER NOT NULL, call TEXT NOT NULL) STRICT",
    "CREATE INDEX call_block ON call (block)",
    `INSERT INTO fact SELECT 'neuron', hotkey, 0, json_object('uid', uid, 'coldkey', coldkey) FROM neuron`,
    `INSERT INTO fact SELECT 'axon', hotkey, 0, json_quote(endpoint) FROM neuron WHERE endpoint IS NOT NULL`,
    "DROP TABLE neuron",
  ],
};
