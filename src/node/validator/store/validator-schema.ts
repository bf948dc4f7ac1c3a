import type { Migrations } from "../../runtime/sqlite.ts";

/** Miners are known by hotkey: whoever takes over a uid inherits nothing of it (V-W11). */
export const validatorMigrations: Migrations = {
  "001-validator": [
    "CREATE TABLE canary_group (id TEXT PRIMARY KEY, centre BLOB NOT NULL, expires_at INTEGER NOT NULL) STRICT",
    `CREATE TABLE canary (
      cid TEXT PRIMARY KEY,
      group_id TEXT NOT NULL REFERENCES canary_group (id) ON DELETE CASCADE,
      embedding BLOB NOT NULL
    ) STRICT`,
    "CREATE INDEX canary_of_group ON canary (group_id)",
    `CREATE TABLE placement (
      cid TEXT NOT NULL REFERENCES canary (cid) ON DELETE CASCADE,
      miner TEXT NOT NULL,
      PRIMARY KEY (cid, miner)
    ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE miner (
      hotkey TEXT PRIMARY KEY,
      average REAL,
      total INTEGER NOT NULL,
      passed INTEGER NOT NULL,
      reputation TEXT
    ) STRICT`,
    `CREATE TABLE slash_event (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      miner TEXT NOT NULL,
      block INTEGER NOT NULL,
      total INTEGER NOT NULL,
      passed INTEGER NOT NULL,
      active INTEGER NOT NULL
    ) STRICT`,
    `CREATE TABLE round (
      round_id INTEGER PRIMARY KEY,
      block INTEGER NOT NULL,
      block_hash TEXT NOT NULL,
      measured TEXT NOT NULL,
      own_vector TEXT NOT NULL,
      agreed TEXT,
      weights TEXT,
      stage TEXT NOT NULL
    ) STRICT`,
    `CREATE TABLE peer_vector (
      round_id INTEGER NOT NULL,
      validator TEXT NOT NULL,
      vector TEXT NOT NULL,
      PRIMARY KEY (round_id, validator)
    ) STRICT, WITHOUT ROWID`,
  ],
  "002-challenges": ["ALTER TABLE round ADD COLUMN challenges TEXT"],
  "003-capability-pins": [
    "CREATE TABLE capability_pin (miner TEXT PRIMARY KEY, pin TEXT NOT NULL) STRICT, WITHOUT ROWID",
  ],
  "004-held-records": [
    "CREATE TABLE held_record (miner TEXT NOT NULL, cid TEXT NOT NULL, PRIMARY KEY (miner, cid)) STRICT, WITHOUT ROWID",
  ],
  // Counters over a life became the latest results; in which order they came was never kept.
  "005-proof-window": [
    "ALTER TABLE miner ADD COLUMN proofs TEXT NOT NULL DEFAULT ''",
    `UPDATE miner SET proofs = substr(
      replace(hex(zeroblob(total - passed)), '00', 'F') || replace(hex(zeroblob(passed)), '00', 'P'), -100)`,
    "ALTER TABLE miner DROP COLUMN total",
    "ALTER TABLE miner DROP COLUMN passed",
  ],
  "006-two-step-consensus": [
    "ALTER TABLE round ADD COLUMN salt TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE round ADD COLUMN own_commit TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE round ADD COLUMN hotkeys TEXT NOT NULL DEFAULT '[]'",
    "ALTER TABLE round ADD COLUMN opened_at INTEGER",
    "ALTER TABLE round ADD COLUMN verdict TEXT",
    // Rounds without a commit cannot be agreed on any more; those that were go on being relayed.
    "UPDATE round SET stage = 'done' WHERE stage = 'measured'",
    "UPDATE round SET stage = 'agreed' WHERE stage = 'weighted'",
    "UPDATE round SET verdict = 'quorum' WHERE agreed IS NOT NULL",
    "DROP TABLE peer_vector",
    `CREATE TABLE peer_commit (
      round_id INTEGER NOT NULL,
      validator TEXT NOT NULL,
      hash TEXT NOT NULL,
      text TEXT NOT NULL,
      late INTEGER NOT NULL,
      PRIMARY KEY (round_id, validator)
    ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE peer_opening (
      round_id INTEGER NOT NULL,
      validator TEXT NOT NULL,
      text TEXT NOT NULL,
      PRIMARY KEY (round_id, validator)
    ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE equivocation (
      round_id INTEGER NOT NULL,
      validator TEXT NOT NULL,
      first TEXT NOT NULL,
      second TEXT NOT NULL,
      at INTEGER NOT NULL,
      UNIQUE (round_id, validator)
    ) STRICT`,
  ],
  "007-weights-duty": [
    `CREATE TABLE weights_submission (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      round_id INTEGER NOT NULL,
      agreed INTEGER NOT NULL,
      submission TEXT NOT NULL,
      state TEXT NOT NULL,
      included INTEGER NOT NULL,
      at INTEGER NOT NULL
    ) STRICT`,
    "CREATE TABLE note (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID",
  ],
};
