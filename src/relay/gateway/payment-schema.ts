/** Statements for the gateway's migrations: one row per authorization, whatever happened to it. */
export const paymentMigration: readonly string[] = [
  `CREATE TABLE payment (
    network TEXT NOT NULL,
    asset TEXT NOT NULL,
    payer TEXT NOT NULL,
    nonce TEXT NOT NULL,
    signed_hash TEXT NOT NULL,
    pay_to TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    valid_before INTEGER NOT NULL,
    bound INTEGER NOT NULL CHECK (bound IN (0, 1)),
    state TEXT NOT NULL CHECK (state IN ('settling', 'unknown', 'settled')),
    tx TEXT CHECK ((tx IS NOT NULL) = (state = 'settled')),
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    PRIMARY KEY (network, asset, payer, nonce)
  ) STRICT`,
  "CREATE INDEX payment_open ON payment (updated) WHERE state <> 'settled'",
];

/** Payments that were bound to something else than what they were sent with: no money moved, and it is told. */
export const mismatchMigration: readonly string[] = [
  `CREATE TABLE payment_mismatch (
    number INTEGER PRIMARY KEY,
    network TEXT NOT NULL,
    asset TEXT NOT NULL,
    payer TEXT NOT NULL,
    nonce TEXT NOT NULL,
    signed_hash TEXT NOT NULL,
    amount INTEGER NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE (network, asset, payer, nonce, signed_hash)
  ) STRICT`,
  "CREATE INDEX payment_settled ON payment (bound) WHERE state = 'settled'",
  "CREATE INDEX payment_created ON payment (created)",
];
