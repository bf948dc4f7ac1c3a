import { EngramError } from "../../crypto/errors.ts";
import type { SqliteDatabase } from "../../node/runtime/sqlite.ts";
import type { AuthorizationKey, Hex, PaymentNetwork } from "../payment/payment-types.ts";
import type {
  MismatchedPayment,
  NewPayment,
  PaymentChange,
  PaymentClaim,
  PaymentRow,
  PaymentState,
  PaymentTotals,
  ReceivedPayment,
  SettlementRecord,
} from "./payment-types.ts";

interface StoredPayment {
  readonly network: PaymentNetwork;
  readonly asset: Hex;
  readonly payer: Hex;
  readonly nonce: Hex;
  readonly signed_hash: string;
  readonly pay_to: Hex;
  readonly amount: number;
  readonly valid_before: number;
  readonly bound: number;
  readonly state: PaymentState;
  readonly tx: Hex | null;
}

/** Anybody makes keys and signs with them: so many refused payments are remembered, and all are counted. */
const MAX_MISMATCHED = 1_000;
const WHERE_KEY = "network = @network AND asset = @asset AND payer = @payer AND nonce = @nonce";

/**
 * The gateway's payments as store operations, over the schema of `paymentMigration`. The operation that stores a
 * submission calls `writes.recordSettlement` itself, so that "settled" and "stored" are one commit (V-W39).
 *
 * Errors: `PAYMENT_SPENT` when a settlement is recorded for an authorization that paid for another submission.
 */
export function createPaymentOperations(database: SqliteDatabase) {
  const find = database.prepare<object, StoredPayment>(`SELECT * FROM payment WHERE ${WHERE_KEY}`);
  const insert = database.prepare<object>(
    `INSERT INTO payment
       (network, asset, payer, nonce, signed_hash, pay_to, amount, valid_before, bound, state, created, updated)
     VALUES
       (@network, @asset, @payer, @nonce, @signedHash, @payTo, @amount, @validBefore, @bound, 'settling', @now, @now)
     ON CONFLICT DO NOTHING`,
  );
  const unknown = database.prepare<object>(
    `UPDATE payment SET state = 'unknown', updated = @now
     WHERE ${WHERE_KEY} AND signed_hash = @signedHash AND state <> 'settled'`,
  );
  const release = database.prepare<object>(
    `DELETE FROM payment WHERE ${WHERE_KEY} AND signed_hash = @signedHash AND state <> 'settled'`,
  );
  const settle = database.prepare<object>(
    `UPDATE payment SET state = 'settled', tx = @transaction, updated = @now
     WHERE ${WHERE_KEY} AND signed_hash = @signedHash AND (tx IS NULL OR tx = @transaction)`,
  );
  const openOf = database
    .prepare<object, number>("SELECT 1 FROM payment WHERE signed_hash = @signedHash AND state <> 'settled' LIMIT 1")
    .pluck();
  const open = database.prepare<object, StoredPayment>(
    "SELECT * FROM payment WHERE state <> 'settled' AND updated < @before ORDER BY updated LIMIT @limit",
  );

  const mismatched = database.prepare<object>(
    `INSERT INTO payment_mismatch (network, asset, payer, nonce, signed_hash, amount, at)
     VALUES (@network, @asset, @payer, @nonce, @signedHash, @amount, @now) ON CONFLICT DO NOTHING`,
  );
  // The newest stays, so that the numbers go on and count them all.
  const forgetMismatched = database.prepare(
    `DELETE FROM payment_mismatch WHERE number <= (SELECT max(number) FROM payment_mismatch) - ${MAX_MISMATCHED}`,
  );
  const mismatches = database.prepare<[], number>("SELECT coalesce(max(number), 0) FROM payment_mismatch").pluck();
  const settledBy = database
    .prepare<object, number>("SELECT count(*) FROM payment WHERE state = 'settled' AND bound = @bound")
    .pluck();
  const received = database.prepare<object, ReceivedPayment>(
    `SELECT * FROM (
       SELECT created AS at, state, iif(bound, 'bound', 'unbound') AS binding, payer, amount, network, asset,
         tx AS "transaction", signed_hash AS signedHash FROM payment ORDER BY created DESC LIMIT @limit)
     UNION ALL SELECT * FROM (
       SELECT at, 'refused', 'mismatched', payer, amount, network, asset, NULL, signed_hash
       FROM payment_mismatch ORDER BY number DESC LIMIT @limit)
     ORDER BY at DESC LIMIT @limit`,
  );

  return {
    reads: {
      /** Newest first; refused ones are those of late. */
      receivedPayments: (query: { readonly limit: number }): readonly ReceivedPayment[] => received.all(query),
      paymentTotals: (_: null): PaymentTotals => ({
        bound: settledBy.get({ bound: 1 }) ?? 0,
        unbound: settledBy.get({ bound: 0 }) ?? 0,
        mismatched: mismatches.get() ?? 0,
      }),
      findPayment: (key: AuthorizationKey): PaymentRow | null => {
        const row = find.get(columnsOf(key));
        return row ? toRow(row) : null;
      },
      hasOpenPayment: ({ signedHash }: Pick<NewPayment, "signedHash">): boolean =>
        openOf.get({ signedHash }) !== undefined,
      unsettledPayments: (query: { readonly before: number; readonly limit: number }): readonly PaymentRow[] =>
        open.all(query).map(toRow),
    },
    writes: {
      claimPayment: (payment: NewPayment): PaymentClaim | null => {
        const isKnown = find.get(columnsOf(payment.key)) !== undefined;
        if (!isKnown && openOf.get({ signedHash: payment.signedHash }) !== undefined) return null;
        const fresh = insert.run(valuesOf(payment)).changes === 1;
        const row = find.get(columnsOf(payment.key));
        if (!row) throw new EngramError("STORE_FAILED", "a payment vanished while it was stored");
        return { row: toRow(row), fresh };
      },
      markPaymentUnknown: ({ key, signedHash, now }: PaymentChange): void => {
        unknown.run({ ...columnsOf(key), signedHash, now });
      },
      releasePayment: ({ key, signedHash }: PaymentChange): void => {
        release.run({ ...columnsOf(key), signedHash });
      },
      noteMismatch: ({ key, ...rest }: MismatchedPayment): void => {
        mismatched.run({ ...rest, ...columnsOf(key) });
        forgetMismatched.run();
      },
      recordSettlement: ({ transaction, ...payment }: SettlementRecord): void => {
        // The row can be gone: the money has moved all the same, and must be remembered.
        insert.run(valuesOf(payment));
        if (settle.run({ ...valuesOf(payment), transaction }).changes === 1) return;
        throw new EngramError("PAYMENT_SPENT", "this payment was spent on another submission", {
          fix: "pay this submission with a payment of its own",
        });
      },
    },
  };
}

export type PaymentOperations = ReturnType<typeof createPaymentOperations>;

/** Addresses are kept in one spelling, so that no other spelling of the same payment is a second one. */
function columnsOf(key: AuthorizationKey) {
  return {
    network: key.network,
    asset: key.asset.toLowerCase(),
    payer: key.from.toLowerCase(),
    nonce: key.nonce.toLowerCase(),
  };
}

function valuesOf({ key, bound, ...values }: NewPayment) {
  return { ...columnsOf(key), ...values, payTo: values.payTo.toLowerCase(), bound: bound ? 1 : 0 };
}

function toRow(row: StoredPayment): PaymentRow {
  return {
    key: { network: row.network, asset: row.asset, from: row.payer, nonce: row.nonce },
    signedHash: row.signed_hash,
    payTo: row.pay_to,
    amount: row.amount,
    validBefore: row.valid_before,
    bound: row.bound === 1,
    state: row.state,
    transaction: row.tx,
  };
}
