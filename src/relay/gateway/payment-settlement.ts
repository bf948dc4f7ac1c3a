import { join } from "node:path";
import type { PaymentChain } from "../payment/payment-types.ts";
import type { SettlementConfig } from "./payment-config.ts";
import { type PaymentFacilitator, type SupportedVersions, supportedVersions } from "./payment-facilitator.ts";

/** What moves a seller's money, checked. */
export interface Settlement extends SupportedVersions {
  readonly facilitator: PaymentFacilitator;
  readonly chain: PaymentChain;
}

/**
 * Opens what settles, and checks it before anybody is asked to pay: the RPC's chain, the token's name, version and
 * signing domain, and what the facilitator says it settles. The gas key is made in `folder` when this process settles
 * itself. Errors: `PAYMENT_CHAIN_WRONG`, `PAYMENT_CHAIN_UNREACHABLE`, `PAYMENT_TOKEN_WRONG`, `FACILITATOR_UNSUITABLE`,
 * `FACILITATOR_UNREACHABLE`, `FACILITATOR_UNINTELLIGIBLE`.
 */
export async function openSettlement(folder: string, config: SettlementConfig): Promise<Settlement> {
  const [{ evmPaymentChain }, { requireToken }] = await Promise.all([
    import("../evm/evm-payment-chain.ts"),
    import("../evm/require-token.ts"),
  ]);
  const { token, rpcUrl } = config;
  await requireToken(rpcUrl, token);
  const facilitator = await openFacilitator(folder, config);
  return { facilitator, chain: evmPaymentChain(rpcUrl), ...(await supportedVersions(facilitator, token)) };
}

async function openFacilitator(folder: string, config: SettlementConfig): Promise<PaymentFacilitator> {
  const { facilitatorUrl, facilitatorAuth, rpcUrl, token, stateFolder: evmFolder } = config;
  if (facilitatorUrl !== undefined) {
    const [{ remoteFacilitator }, { createHttpClient }] = await Promise.all([
      import("./payment-remote-facilitator.ts"),
      import("../../node/runtime/http-client.ts"),
    ]);
    return remoteFacilitator({ url: facilitatorUrl, auth: facilitatorAuth }, createHttpClient());
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

/** The key whose address needs gas where a process settles itself. */
export function gasKeyPath(folder: string): string {
  return join(folder, "gas-key");
}
