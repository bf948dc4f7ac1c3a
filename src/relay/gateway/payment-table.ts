import type { StoreOperations } from "../../node/runtime/store-host.ts";
import type { StoreWorker } from "../../node/runtime/store-worker.ts";
import type { PaymentOperations } from "./payment-operations.ts";
import type { PaymentTable } from "./payment-types.ts";

interface WithPayments extends StoreOperations {
  readonly reads: PaymentOperations["reads"] & StoreOperations["reads"];
  readonly writes: PaymentOperations["writes"] & StoreOperations["writes"];
}

/** The payments in a store whose operations include those of `createPaymentOperations`. */
export function paymentTable(store: StoreWorker<WithPayments>): PaymentTable {
  return {
    findPayment: (key) => store.call("findPayment", key),
    hasOpenPayment: (submission) => store.call("hasOpenPayment", submission),
    claimPayment: (payment) => store.call("claimPayment", payment),
    markPaymentUnknown: (change) => store.call("markPaymentUnknown", change),
    releasePayment: (change) => store.call("releasePayment", change),
    recordSettlement: (record) => store.call("recordSettlement", record),
    unsettledPayments: (query) => store.call("unsettledPayments", query),
    noteMismatch: (mismatch) => store.call("noteMismatch", mismatch),
  };
}
