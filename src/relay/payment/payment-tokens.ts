import { EngramError } from "../../crypto/errors.ts";
import type { Hex, PaymentNetwork } from "./payment-types.ts";

/** A dollar token whose smallest unit is a millionth, so that amounts are micro-dollars everywhere. */
export interface PaymentToken {
  readonly network: PaymentNetwork;
  /** The network's name in version 1 of x402. */
  readonly v1Network: string;
  readonly asset: Hex;
  /** The EIP-712 domain, from here and never from a challenge. "USDC" on the test network, "USD Coin" on Base. */
  readonly domain: { readonly name: string; readonly version: string };
  /** Whether its dollars are real ones. */
  readonly real: boolean;
}

/** Circle's USDC. The local chain carries ours at the test network's address (design: local money). */
export const BASE_SEPOLIA_USDC: PaymentToken = {
  network: "eip155:84532",
  v1Network: "base-sepolia",
  asset: "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
  domain: { name: "USDC", version: "2" },
  real: false,
};

export const BASE_USDC: PaymentToken = {
  network: "eip155:8453",
  v1Network: "base",
  asset: "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
  domain: { name: "USD Coin", version: "2" },
  real: true,
};

const TOKENS: readonly PaymentToken[] = [BASE_SEPOLIA_USDC, BASE_USDC];

/** The token of a network, `eip155:84532`. Throws `PAYMENT_NETWORK_UNKNOWN`. */
export function tokenOn(network: string): PaymentToken {
  const token = TOKENS.find((known) => known.network === network);
  if (token) return token;
  throw new EngramError("PAYMENT_NETWORK_UNKNOWN", "this payment network is not known", {
    fix: `use ${TOKENS.map((known) => known.network).join(" or ")}`,
  });
}

/** The token a challenge of version 1 or 2 names, if it is one of ours. */
export function findToken(network: string, asset: string): PaymentToken | undefined {
  return TOKENS.find(
    (known) =>
      (known.network === network || known.v1Network === network) && known.asset.toLowerCase() === asset.toLowerCase(),
  );
}
