import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import { isLoopback } from "../../node/chain/loopback.ts";
import { type Environment, parseVariables } from "../../node/runtime/config.ts";
import { evmPaymentChain } from "../evm/evm-payment-chain.ts";
import { PaymentBuyer } from "./payment-buyer.ts";
import { type PaymentSettings, paymentSettings } from "./payment-settings.ts";

const variables = z.object({
  ENGRAM_PAYMENT_RPC_URL: z.url("must be the address of an EVM node").optional(),
});

/**
 * The payer of `folder` at the gateway of `url`, where `environment` allows one: it needs a daily budget, and a node of
 * the payment chain to know what became of a payment. Errors: `CONFIG_INVALID`, and those of the folder's payment key.
 */
export async function openPayer(
  folder: string,
  environment: Environment,
  url: string,
): Promise<PaymentBuyer | undefined> {
  const settings = paymentSettings(environment);
  const { ENGRAM_PAYMENT_RPC_URL: rpcUrl } = parseVariables(variables, environment);
  if (settings.dailyBudget === 0 || rpcUrl === undefined) return undefined;
  refuseUnknownPayee(url, settings);
  // Whoever else is found to ask for money in this process is not paid.
  const origins = settings.origins ?? [new URL(url).origin];
  return await PaymentBuyer.open({ home: folder, settings: { ...settings, origins }, chain: evmPaymentChain(rpcUrl) });
}

/** Whoever stands between can answer in a gateway's name where nothing is encrypted, and name themselves as payee. */
function refuseUnknownPayee(url: string, { payees }: PaymentSettings): void {
  const { protocol, hostname } = new URL(url);
  if (protocol === "https:" || isLoopback(hostname) || payees !== undefined) return;
  throw new EngramError("CONFIG_INVALID", "a gateway reached without TLS is not paid at whatever address is named", {
    fix: "give its https URL, or the address that may be paid in ENGRAM_PAYEES",
  });
}
