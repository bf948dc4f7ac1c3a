/** `0x` and hex digits. */
export type Hex = `0x${string}`;

/** A chain as x402 names it (CAIP-2), `eip155:84532`. */
export type PaymentNetwork = `eip155:${number}`;

/** What a payment is for. Both sides bind it into the payment's nonce (design: x402). */
export interface PaidSubmission {
  /** SHA-256 of the submission's signed body, 64 lowercase hex digits (spec 11.3). */
  readonly signedHash: string;
  /** Where it is submitted, the absolute URL without query. */
  readonly resource: string;
}

/** An EIP-3009 authorization, what the payer signs. Addresses are checksummed; times are unix seconds. */
export interface Authorization {
  readonly from: Hex;
  readonly to: Hex;
  readonly value: number;
  readonly validAfter: number;
  readonly validBefore: number;
  /** 32 bytes, lowercase. */
  readonly nonce: Hex;
}

/** A payment whose money moved, as a receipt states it. */
export interface SettledPayment {
  readonly payer: Hex;
  /** Decimal, in the token's smallest unit. */
  readonly amount: string;
  readonly asset: Hex;
  readonly network: PaymentNetwork;
  readonly transaction: Hex;
  /** Whether the payer's signature covers this very submission; stock clients cannot do that. */
  readonly bound: boolean;
}

/** What of an authorization a chain knows. */
export interface AuthorizationState {
  /** Spent, or cancelled by the payer. */
  readonly used: boolean;
  /** Unix seconds of the block that would come next: an authorization that ends before it is worthless for good. */
  readonly chainTime: number;
}

export interface AuthorizationKey {
  readonly network: PaymentNetwork;
  readonly asset: Hex;
  readonly from: Hex;
  readonly nonce: Hex;
}

/** What became of a used authorization. */
export type AuthorizationOutcome =
  | { readonly kind: "paid"; readonly transaction: Hex }
  /** Cancelled, or spent on another payee or a smaller amount: it never pays us. */
  | { readonly kind: "lost" }
  /** No event is seen: too long ago, or a node that lags behind. */
  | { readonly kind: "unseen" };

/** What both sides ask the EVM chain. Errors: `PAYMENT_CHAIN_UNREACHABLE`, `PAYMENT_CHAIN_WRONG`. */
export interface PaymentChain {
  authorization(key: AuthorizationKey): Promise<AuthorizationState>;
  /** The event that used the authorization alone proves nothing: it names neither payee nor amount. */
  outcome(
    key: AuthorizationKey,
    expected: { readonly payTo: Hex; readonly atLeast: number },
  ): Promise<AuthorizationOutcome>;
}
