import type { Migrations, SqliteDatabase } from "../../node/runtime/sqlite.ts";
import { createPaymentOperations } from "../../relay/gateway/payment-operations.ts";
import { mismatchMigration, paymentMigration } from "../../relay/gateway/payment-schema.ts";
import type { SettlementRecord } from "../../relay/gateway/payment-types.ts";
import type { AuthorizationKey } from "../../relay/payment/payment-types.ts";

export const callMigrations: Migrations = {
  "001-calls": [
    ...paymentMigration,
    `CREATE TABLE paid_call (
      payment TEXT PRIMARY KEY,
      call_hash TEXT NOT NULL,
      tool TEXT NOT NULL,
      runs INTEGER NOT NULL DEFAULT 0,
      -- Null while it has not succeeded, and again once the answer is no longer kept.
      result TEXT,
      ended INTEGER,
      created INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`,
    "CREATE INDEX paid_call_kept ON paid_call (ended) WHERE result IS NOT NULL",
  ],
  "002-payment-mismatch": mismatchMigration,
};

/** A call that was paid for. */
export interface PaidCall {
  readonly callHash: string;
  readonly runs: number;
  readonly result: string | null;
  readonly ended: number | null;
}

interface CallKey {
  readonly key: AuthorizationKey;
}

/** The payments of a server and what was bought with each, in one file. */
export function createCallOperations(database: SqliteDatabase) {
  const payments = createPaymentOperations(database);
  const find = database.prepare<[string], PaidCall>(
    "SELECT call_hash AS callHash, runs, result, ended FROM paid_call WHERE payment = ?",
  );
  const begin = database.prepare<object>(
    `INSERT INTO paid_call (payment, call_hash, tool, runs, created) VALUES (@payment, @callHash, @tool, 1, @now)
     ON CONFLICT (payment) DO UPDATE SET runs = runs + 1 WHERE ended IS NULL`,
  );
  const end = database.prepare<object>(
    "UPDATE paid_call SET result = @result, ended = @now WHERE payment = @payment AND ended IS NULL",
  );
  const forget = database.prepare<object>(
    "UPDATE paid_call SET result = NULL WHERE ended < @before AND result IS NOT NULL",
  );

  return {
    reads: {
      ...payments.reads,
      findCall: ({ key }: CallKey): PaidCall | null => find.get(nameOf(key)) ?? null,
    },
    writes: {
      ...payments.writes,
      /** The money moved: from here on the call is owed, and this payment buys nothing else. */
      beginCall: (input: {
        readonly record: SettlementRecord;
        readonly tool: string;
        readonly now: number;
      }): PaidCall | null => {
        const { record, tool, now } = input;
        payments.writes.recordSettlement(record);
        const payment = nameOf(record.key);
        begin.run({ payment, callHash: record.signedHash, tool, now });
        return find.get(payment) ?? null;
      },
      endCall: ({ key, result, now }: CallKey & { readonly result: string | null; readonly now: number }): void => {
        end.run({ payment: nameOf(key), result, now });
      },
      forgetResults: ({ before }: { readonly before: number }): number => forget.run({ before }).changes,
    },
  };
}

export type CallOperations = ReturnType<typeof createCallOperations>;

function nameOf({ network, asset, from, nonce }: AuthorizationKey): string {
  return `${network}:${asset}:${from}:${nonce}`.toLowerCase();
}
