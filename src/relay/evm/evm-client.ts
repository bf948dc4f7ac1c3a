import { createPublicClient, http, type PublicClient } from "viem";
import { EngramError } from "../../crypto/errors.ts";
import { chainIdOf } from "../payment/payment-nonce.ts";
import type { PaymentNetwork } from "../payment/payment-types.ts";

const CALL_MS = 5_000;

export interface EvmClient {
  readonly client: PublicClient;
  network(): Promise<PaymentNetwork>;
  /** Another chain would take every authorization for unspent. Errors: `PAYMENT_CHAIN_WRONG`. */
  requireChain(wanted: PaymentNetwork): Promise<void>;
}

/** The EVM chain behind an RPC address, and which one it is. */
export function evmClient(url: string): EvmClient {
  const client: PublicClient = createPublicClient({
    transport: http(url, { timeout: CALL_MS, retryCount: 2, retryDelay: 100 }),
  });
  let answers: number | undefined;

  async function network(): Promise<PaymentNetwork> {
    answers ??= await client.getChainId();
    return `eip155:${answers}`;
  }

  async function requireChain(wanted: PaymentNetwork): Promise<void> {
    const found = await network();
    if (chainIdOf(found) === chainIdOf(wanted)) return;
    throw new EngramError("PAYMENT_CHAIN_WRONG", `the payment chain's RPC address serves ${found}, not ${wanted}`, {
      fix: "give the RPC address of the network that is paid on",
    });
  }

  return { client, network, requireChain };
}

/** What `ask` finds. Errors: `PAYMENT_CHAIN_UNREACHABLE`, and those of this product that it throws. */
export async function reached<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    if (cause instanceof EngramError) throw cause;
    throw new EngramError("PAYMENT_CHAIN_UNREACHABLE", "the payment chain does not answer", {
      fix: "check its RPC address; nothing is lost, it is asked again",
      retryAfterMs: 5_000,
      cause,
    });
  }
}
