import type { SqliteDatabase } from "../../../src/node/runtime/sqlite.ts";
import { createPaymentOperations } from "../../../src/relay/gateway/payment-operations.ts";
import type { PaymentRow, SettlementRecord } from "../../../src/relay/gateway/payment-types.ts";
import type { AuthorizationKey } from "../../../src/relay/payment/payment-types.ts";

/** A gateway's store in small: payments beside what was delivered, in one database. */
export function createShopOperations(database: SqliteDatabase) {
  const payments = createPaymentOperations(database);
  const keys = database.prepare<[], AuthorizationKey>(
    'SELECT network, asset, payer AS "from", nonce FROM payment ORDER BY created, nonce',
  );
  return {
    reads: {
      ...payments.reads,
      deliveries: (_: null): number => database.prepare<[], number>("SELECT count(*) FROM delivery").pluck().get() ?? 0,
      payments: (_: null): readonly PaymentRow[] => keys.all().flatMap((key) => payments.reads.findPayment(key) ?? []),
    },
    writes: {
      ...payments.writes,
      accept: ({ body, record }: { readonly body: string; readonly record: SettlementRecord }): void => {
        payments.writes.recordSettlement(record);
        database.prepare("INSERT INTO delivery VALUES (?, ?) ON CONFLICT DO NOTHING").run(record.signedHash, body);
      },
      loseEverything: (_: null): void => {
        database.exec("DELETE FROM payment; DELETE FROM delivery");
      },
    },
  };
}

export type ShopOperations = ReturnType<typeof createShopOperations>;
