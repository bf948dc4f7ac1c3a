import type { Migrations } from "../../node/runtime/sqlite.ts";
import { mismatchMigration, paymentMigration } from "./payment-schema.ts";
import { webhookMigration } from "./webhook-operations.ts";

/** One row per submission and assurance: who gets hold of a text first cannot keep its author from a better one. */
export const gatewayMigrations: Migrations = {
  "001-payment": paymentMigration,
  "002-submission": [
    `CREATE TABLE submission (
      signed_hash TEXT NOT NULL,
      assurance TEXT NOT NULL CHECK (assurance IN ('quorum', 'author', 'payer')),
      state TEXT NOT NULL CHECK (state IN ('pending_quorum', 'payment_due', 'settling', 'accepted')),
      schema_version TEXT NOT NULL,
      output_type TEXT NOT NULL,
      output_hash TEXT NOT NULL,
      netuid INTEGER NOT NULL,
      block INTEGER NOT NULL,
      round_id INTEGER NOT NULL,
      nonce TEXT NOT NULL,
      hotkey TEXT,
      signatures TEXT NOT NULL,
      have INTEGER,
      need INTEGER,
      wire TEXT NOT NULL,
      content TEXT NOT NULL,
      created INTEGER NOT NULL,
      updated INTEGER NOT NULL,
      seq INTEGER UNIQUE,
      receipt TEXT,
      PRIMARY KEY (signed_hash, assurance),
      CHECK ((state = 'accepted') = (seq IS NOT NULL) AND (seq IS NULL) = (receipt IS NULL)),
      CHECK ((have IS NULL) = (need IS NULL) AND (assurance = 'quorum') = (need IS NOT NULL)),
      CHECK ((assurance = 'payer') = (hotkey IS NULL))
    ) STRICT`,
    "CREATE INDEX submission_nonce ON submission (hotkey, nonce)",
    "CREATE INDEX submission_round ON submission (netuid, round_id) WHERE output_type = 'ranking'",
    "CREATE INDEX submission_open ON submission (state, updated) WHERE state <> 'accepted'",
    "CREATE INDEX submission_feed ON submission (assurance, output_type, seq) WHERE seq IS NOT NULL",
  ],
  "003-payment-of-submission": ["CREATE INDEX payment_of_submission ON payment (signed_hash)"],
  // SQLite changes no constraint in place: the table is made anew.
  "004-submission-without-body": [
    "ALTER TABLE submission RENAME TO submission_before",
    ...["nonce", "round", "open", "feed"].map((name) => `DROP INDEX submission_${name}`),
    `CREATE TABLE submission (
      signed_hash TEXT NOT NULL,
      assurance TEXT NOT NULL CHECK (assurance IN ('quorum', 'author', 'payer')),
      state TEXT NOT NULL CHECK (state IN ('pending_quorum', 'pending_chain', 'payment_due', 'settling', 'accepted')),
      schema_version TEXT NOT NULL,
      output_type TEXT NOT NULL,
      output_hash TEXT NOT NULL,
      netuid INTEGER NOT NULL,
      block INTEGER NOT NULL,
      round_id INTEGER NOT NULL,
      nonce TEXT NOT NULL,
      hotkey TEXT,
      signatures TEXT NOT NULL,
      late_signatures TEXT NOT NULL DEFAULT '[]',
      have INTEGER,
      need INTEGER,
      stake_ppm INTEGER,
      anchored INTEGER NOT NULL DEFAULT 0 CHECK (anchored IN (0, 1)),
      wire TEXT,
      content TEXT,
      created INTEGER NOT NULL,
      updated INTEGER NOT NULL,
      seq INTEGER UNIQUE,
      receipt TEXT,
      PRIMARY KEY (signed_hash, assurance),
      CHECK ((state = 'accepted') = (seq IS NOT NULL) AND (seq IS NULL) = (receipt IS NULL)),
      CHECK ((wire IS NULL) = (content IS NULL) AND (wire IS NOT NULL OR state = 'accepted')),
      CHECK ((have IS NULL) = (need IS NULL) AND (assurance = 'quorum') = (need IS NOT NULL)),
      CHECK ((have IS NULL) = (stake_ppm IS NULL)),
      CHECK ((assurance = 'payer') = (hotkey IS NULL))
    ) STRICT`,
    `INSERT INTO submission (signed_hash, assurance, state, schema_version, output_type, output_hash, netuid, block,
       round_id, nonce, hotkey, signatures, have, need, stake_ppm, wire, content, created, updated, seq, receipt)
     SELECT signed_hash, assurance, state, schema_version, output_type, output_hash, netuid, block,
       round_id, nonce, hotkey, signatures, have, need, iif(have IS NULL, NULL, 0), wire, content, created, updated, seq,
       receipt
     FROM submission_before`,
    "DROP TABLE submission_before",
    "CREATE INDEX submission_nonce ON submission (hotkey, nonce)",
    "CREATE INDEX submission_round ON submission (netuid, round_id) WHERE output_type = 'ranking'",
    "CREATE INDEX submission_open ON submission (state, updated) WHERE state <> 'accepted'",
    "CREATE INDEX submission_feed ON submission (assurance, output_type, seq) WHERE wire IS NOT NULL AND seq IS NOT NULL",
    "CREATE INDEX submission_body ON submission (updated) WHERE wire IS NOT NULL AND seq IS NOT NULL",
  ],
  "005-permitted-set": [
    `CREATE TABLE permitted_set (
      chain TEXT NOT NULL,
      netuid INTEGER NOT NULL,
      epoch INTEGER NOT NULL,
      block INTEGER NOT NULL,
      hash TEXT NOT NULL,
      validators TEXT NOT NULL,
      PRIMARY KEY (chain, netuid, epoch)
    ) STRICT`,
  ],
  "006-newest-round": [
    "CREATE TABLE newest_round (hotkey TEXT PRIMARY KEY, round_id INTEGER NOT NULL) STRICT",
    `INSERT INTO newest_round SELECT hotkey, max(round_id) FROM submission
     WHERE hotkey IS NOT NULL AND state = 'accepted' GROUP BY hotkey`,
  ],
  "007-conflict": [
    `CREATE TABLE conflict (
      number INTEGER PRIMARY KEY,
      signed_hash TEXT NOT NULL UNIQUE,
      accepted_hash TEXT NOT NULL,
      netuid INTEGER NOT NULL,
      round_id INTEGER NOT NULL,
      hotkey TEXT NOT NULL,
      wire TEXT NOT NULL,
      at INTEGER NOT NULL
    ) STRICT`,
    "CREATE INDEX conflict_round ON conflict (netuid, round_id)",
  ],
  "008-reader": [
    `CREATE TABLE reader (
      name TEXT PRIMARY KEY,
      token_hash TEXT NOT NULL UNIQUE,
      scopes TEXT NOT NULL,
      secret TEXT NOT NULL
    ) STRICT`,
  ],
  "009-succession": ["CREATE TABLE succession (number INTEGER PRIMARY KEY, statement TEXT NOT NULL) STRICT"],
  "010-payment-mismatch": mismatchMigration,
  "011-webhook": webhookMigration,
};
