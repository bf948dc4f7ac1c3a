import { join } from "node:path";
import type { Clock } from "../../node/runtime/clock.ts";
import type { Logger } from "../../node/runtime/logger.ts";
import type { PriceConfig } from "./gateway-config.ts";
import type { GatewayStore } from "./gateway-store.ts";
import type { PaymentFacilitator } from "./payment-facilitator.ts";
import { PaymentGate } from "./payment-gate.ts";
import type { SubmissionGate } from "./payment-port.ts";
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

/** The gate of a gateway with a price, for submissions to `origin`. The gas key is made in `folder` when it settles itself. */
export async function openPaymentGate(
  folder: string,
  origin: string,
  pricing: PriceConfig,
  { store, clock, log }: GatewayPaymentsDeps,
): Promise<SubmissionGate> {
  const { evmPaymentChain } = await import("../evm/evm-payment-chain.ts");
  const { token, payTo, price, rpcUrl } = pricing;
  return new PaymentGate({
    terms: { origin, token, payTo, price },
    table: paymentTable(store),
    facilitator: await openFacilitator(folder, pricing),
    chain: evmPaymentChain(rpcUrl),
    log,
    clock,
  });
}

async function openFacilitator(folder: string, pricing: PriceConfig): Promise<PaymentFacilitator> {
  const { facilitatorUrl, rpcUrl, token, stateFolder: evmFolder } = pricing;
  if (facilitatorUrl !== undefined) {
    const { HTTPFacilitatorClient } = await import("@x402/core/server");
    return new HTTPFacilitatorClient({ url: facilitatorUrl });
  }
  const [{ localFacilitator }, { openPaymentKey }] = await Promise.all([
    import("./payment-local-facilitator.ts"),
    import("../payment/payment-key.ts"),
  ]);
  const gasKey = await openPaymentKey(gasKeyPath(folder));
  const options = { url: rpcUrl, network: token.network, gasKey };
  if (evmFolder === undefined) return localFacilitator(options);
  const [{ EvmState }, { stateFolder }] = await Promise.all([
    import("../evm/evm-state.ts"),
    import("../evm/local-evm.ts"),
  ]);
  const state = new EvmState({ url: rpcUrl, folder: stateFolder(evmFolder) });
  return localFacilitator({ ...options, afterSettle: () => state.save() });
}

/** The key whose address needs gas where a gateway settles itself. */
export function gasKeyPath(folder: string): string {
  return join(folder, "gas-key");
}
