import type { Migrations } from "../../node/runtime/sqlite.ts";

export const ledgerMigrations: Migrations = {
  "001-ledger": [
    `CREATE TABLE purchase (
      signed_hash TEXT NOT NULL,
      gateway TEXT NOT NULL,
      network TEXT NOT NULL,
      asset TEXT NOT NULL,
      pay_to TEXT NOT NULL,
      payer TEXT NOT NULL,
      amount INTEGER NOT NULL CHECK (amount > 0),
      salt TEXT NOT NULL,
      nonce TEXT NOT NULL UNIQUE,
      state TEXT NOT NULL CHECK (state IN ('reserved', 'signed', 'settled', 'released')),
      valid_before INTEGER,
      header TEXT,
      payment TEXT,
      tx TEXT,
      day TEXT NOT NULL,
      created INTEGER NOT NULL,
      updated INTEGER NOT NULL,
      PRIMARY KEY (signed_hash, gateway),
      CHECK ((payment IS NULL) = (header IS NULL) AND (payment IS NULL) = (valid_before IS NULL)),
      CHECK (payment IS NOT NULL OR state IN ('reserved', 'released'))
    ) STRICT`,
    "CREATE INDEX purchase_by_day ON purchase (day, state, amount)",
    "CREATE INDEX purchase_open ON purchase (updated) WHERE state IN ('reserved', 'signed')",
    "CREATE INDEX purchase_by_time ON purchase (created)",
  ],
};
