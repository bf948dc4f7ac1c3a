import { z } from "zod";
import { type Environment, parseVariables } from "../../node/runtime/config.ts";
import { evmPaymentChain } from "../evm/evm-payment-chain.ts";
import { PaymentBuyer } from "./payment-buyer.ts";
import { paymentSettings } from "./payment-settings.ts";

const variables = z.object({
  ENGRAM_PAYMENT_RPC_URL: z.url("must be the address of an EVM node").optional(),
});

/**
 * The payer of `folder`, where `environment` allows one: it needs a daily budget, and a node of the payment chain to
 * know what became of a payment. Errors: `CONFIG_INVALID`, and those of the folder's payment key.
 */
export async function openPayer(folder: string, environment: Environment): Promise<PaymentBuyer | undefined> {
  const settings = paymentSettings(environment);
  const { ENGRAM_PAYMENT_RPC_URL: rpcUrl } = parseVariables(variables, environment);
  if (settings.dailyBudget === 0 || rpcUrl === undefined) return undefined;
  return await PaymentBuyer.open({ home: folder, settings, chain: evmPaymentChain(rpcUrl) });
}
