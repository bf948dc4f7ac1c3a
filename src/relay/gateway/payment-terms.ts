import { EngramError } from "../../crypto/errors.ts";
import type { PaymentToken } from "../payment/payment-tokens.ts";
import type { Hex, PaidSubmission } from "../payment/payment-types.ts";

/** How long a payer's signature should hold; short, because an unsettled one is money on hold. */
const TIMEOUT_SECONDS = 300;

/** What this gateway asks for. */
export interface GatewayTerms {
  /** Where submissions go, without path: part of what a bound payment signs. */
  readonly origin: string;
  readonly token: PaymentToken;
  readonly payTo: Hex;
  /** Millionths of a dollar; 0 is free. */
  readonly price: number;
}

/**
 * Micro-dollars of a price in dollars as people write it ("0.001"), rounded up: no part of it is given away by
 * arithmetic (V-W43). Throws `PRICE_INVALID`.
 */
export function parsePrice(text: string): number {
  const found = /^(\d{1,9})(?:\.(\d{1,18}))?$/.exec(text.trim().replace(/^\$/, ""));
  if (!found) {
    throw new EngramError("PRICE_INVALID", "this is no price", { fix: 'write dollars, such as "0.001"; 0 is free' });
  }
  const [, whole = "0", fraction = ""] = found;
  const micro = Number(whole) * 1_000_000 + Number(fraction.slice(0, 6).padEnd(6, "0"));
  return /[1-9]/.test(fraction.slice(6)) ? micro + 1 : micro;
}

export function requirementsV2({ token, payTo, price }: GatewayTerms) {
  return {
    scheme: "exact",
    network: token.network,
    amount: `${price}`,
    asset: token.asset,
    payTo,
    maxTimeoutSeconds: TIMEOUT_SECONDS,
    extra: { ...token.domain },
  } as const;
}

export function requirementsV1({ token, payTo, price }: GatewayTerms, { resource }: Pick<PaidSubmission, "resource">) {
  return {
    scheme: "exact",
    network: token.v1Network,
    maxAmountRequired: `${price}`,
    resource,
    description: "one submission",
    mimeType: "application/json",
    payTo,
    maxTimeoutSeconds: TIMEOUT_SECONDS,
    asset: token.asset,
    extra: { ...token.domain },
  } as const;
}
