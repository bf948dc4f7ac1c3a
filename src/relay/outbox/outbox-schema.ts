import type { Migrations } from "../../node/runtime/sqlite.ts";

export const outboxMigrations: Migrations = {
  "001-outbox": [
    `CREATE TABLE submission (
      job TEXT PRIMARY KEY,
      -- One open or delivered submission per ranking round, and per other output; null once orphaned.
      topic TEXT UNIQUE,
      chain TEXT NOT NULL,
      schema_version TEXT NOT NULL,
      output_type TEXT NOT NULL,
      output_json TEXT NOT NULL,
      output_hash TEXT NOT NULL,
      assurance TEXT NOT NULL,
      netuid INTEGER NOT NULL,
      block INTEGER NOT NULL,
      block_hash TEXT NOT NULL,
      round_id INTEGER NOT NULL,
      state TEXT NOT NULL,
      nonce TEXT UNIQUE,
      signed_hash TEXT UNIQUE,
      body TEXT,
      attempts INTEGER NOT NULL DEFAULT 0,
      polls INTEGER NOT NULL DEFAULT 0,
      accept_new_terms INTEGER NOT NULL DEFAULT 0,
      next_at INTEGER NOT NULL,
      created_at INTEGER NOT NULL,
      released_at INTEGER,
      first_submit_at INTEGER,
      ended_at INTEGER,
      last_http_code INTEGER,
      last_error TEXT,
      receipt_json TEXT
    ) STRICT`,
    "CREATE INDEX submission_due ON submission (state, next_at)",
    `CREATE TABLE cosignature (
      job TEXT NOT NULL REFERENCES submission (job) ON DELETE CASCADE,
      validator_hotkey TEXT NOT NULL,
      signature TEXT NOT NULL,
      PRIMARY KEY (job, validator_hotkey)
    ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE sign_journal (
      chain TEXT NOT NULL,
      hotkey TEXT NOT NULL,
      netuid INTEGER NOT NULL,
      round_id INTEGER NOT NULL,
      signed_hash TEXT NOT NULL,
      proposer TEXT NOT NULL,
      signature TEXT,
      at INTEGER NOT NULL,
      PRIMARY KEY (chain, hotkey, netuid, round_id)
    ) STRICT, WITHOUT ROWID`,
    "CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    `CREATE TABLE lease (
      task TEXT PRIMARY KEY,
      holder TEXT NOT NULL,
      expires INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`,
  ],
  "002-proposals": [
    // What others asked this hotkey to sign: two payloads of one proposer in a round are evidence (spec 14.2).
    `CREATE TABLE proposal (
      chain TEXT NOT NULL,
      hotkey TEXT NOT NULL,
      netuid INTEGER NOT NULL,
      round_id INTEGER NOT NULL,
      proposer TEXT NOT NULL,
      signed_hash TEXT NOT NULL,
      body TEXT NOT NULL,
      at INTEGER NOT NULL,
      PRIMARY KEY (chain, hotkey, netuid, round_id, proposer, signed_hash)
    ) STRICT, WITHOUT ROWID`,
    "UPDATE submission SET state = 'skipped' WHERE state = 'orphaned' AND last_error = 'round_taken'",
  ],
  "003-payer": ["ALTER TABLE submission ADD COLUMN payer TEXT"],
  "004-relay-state": [
    "CREATE TABLE relay_state (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "ALTER TABLE submission ADD COLUMN http_ack_at INTEGER",
  ],
  "005-anchor": [
    "ALTER TABLE submission ADD COLUMN anchor_block INTEGER",
    "ALTER TABLE submission ADD COLUMN anchor_hash TEXT",
    "ALTER TABLE submission ADD COLUMN anchor_sent_at INTEGER",
  ],
  "006-vouch": [
    // What this hotkey signed of others' memories: one payload of a nonce.
    `CREATE TABLE vouch_journal (
      chain TEXT NOT NULL,
      hotkey TEXT NOT NULL,
      netuid INTEGER NOT NULL,
      author TEXT NOT NULL,
      nonce TEXT NOT NULL,
      round_id INTEGER NOT NULL,
      signed_hash TEXT NOT NULL,
      signature TEXT,
      at INTEGER NOT NULL,
      PRIMARY KEY (chain, hotkey, netuid, author, nonce)
    ) STRICT, WITHOUT ROWID`,
    "CREATE INDEX vouch_journal_round ON vouch_journal (chain, hotkey, netuid, round_id)",
  ],
  // Of the call that queued it; nothing that is signed or hashed knows of it.
  "007-trace": ["ALTER TABLE submission ADD COLUMN traceparent TEXT"],
};
