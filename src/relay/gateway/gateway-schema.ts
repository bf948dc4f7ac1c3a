import type { Migrations } from "../../node/runtime/sqlite.ts";
import { paymentMigration } from "./payment-schema.ts";

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
};
