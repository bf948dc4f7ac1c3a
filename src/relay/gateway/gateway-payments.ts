import type { Clock } from "../../node/runtime/clock.ts";
import type { Logger } from "../../node/runtime/logger.ts";
import type { PriceConfig } from "./gateway-config.ts";
import type { GatewayStore } from "./gateway-store.ts";
import { PaymentGate } from "./payment-gate.ts";
import type { SubmissionGate } from "./payment-port.ts";
import { openSettlement } from "./payment-settlement.ts";
import { paymentTable } from "./payment-table.ts";

export interface GatewayPaymentsDeps {
  readonly store: GatewayStore;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A gate that asks for nothing. */
export const freeGate: SubmissionGate = {
  price: 0,
  challenge: () => {
    throw new Error("nothing is asked for");
  },
  require: async () => ({ kind: "free" }),
  settle: () => Promise.reject(new Error("nothing is asked for")),
  reconcile: async () => undefined,
};

/** The gate of a gateway with a price, for submissions to `origin`. Errors: those of `openSettlement`. */
export async function openPaymentGate(
  folder: string,
  origin: string,
  pricing: PriceConfig,
  { store, clock, log }: GatewayPaymentsDeps,
): Promise<SubmissionGate> {
  const { token, payTo, price } = pricing;
  const { facilitator, chain, v1 } = await openSettlement(folder, pricing);
  return new PaymentGate({
    terms: { origin, token, payTo, price, v1 },
    table: paymentTable(store),
    facilitator,
    chain,
    log,
    clock,
  });
}
