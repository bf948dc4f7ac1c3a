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
  /** Millionths of a dollar, as `parseMicroDollars(text, "up")` reads it; 0 is free. */
  readonly price: number;
  /** Whether version 1 is settled, too. */
  readonly v1: boolean;
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
