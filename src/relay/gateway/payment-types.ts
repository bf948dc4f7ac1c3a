import type { Authorization, AuthorizationKey, Hex, SettledPayment } from "../payment/payment-types.ts";

/** How a request that was not paid for is answered: send status, headers and JSON body as they are. */
interface PaymentAnswer {
  readonly status: 400 | 402 | 409 | 503;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
}

/** The price and how to pay it, in both versions of x402. */
export interface PaymentChallenge extends PaymentAnswer {
  readonly kind: "challenge";
  readonly status: 402;
}

/** A payment that cannot count: 400 malformed or not for this submission, 409 spent on another one. */
export interface PaymentRefusal extends PaymentAnswer {
  readonly kind: "refused";
  readonly status: 400 | 409;
}

/** Money may have moved and nobody knows yet: the same payment, sent again, finds out. Never a 402. */
export interface PaymentUnknown extends PaymentAnswer {
  readonly kind: "unknown";
  readonly status: 503;
  readonly retryAfterSeconds: number;
}

/** A payment checked as far as that goes without moving money: its signature, terms and binding hold. */
export interface OfferedPayment {
  readonly version: 1 | 2;
  /** What the client sent, parsed and otherwise unchanged: facilitators get exactly this. */
  readonly payload: Readonly<Record<string, unknown>>;
  readonly authorization: Authorization;
  readonly key: AuthorizationKey;
  readonly signedHash: string;
  readonly resource: string;
  readonly bound: boolean;
}

/** What the gateway's store writes in the transaction that stores the submission; whole, should the row be lost. */
export type SettlementRecord = NewPayment & { readonly transaction: Hex };

interface PaymentSettlement {
  readonly kind: "settled";
  readonly settled: SettledPayment;
  readonly record: SettlementRecord;
  /** `PAYMENT-RESPONSE` or `X-PAYMENT-RESPONSE`: goes on the final answer. */
  readonly headers: Readonly<Record<string, string>>;
}

export type RequireOutcome =
  | { readonly kind: "free" }
  | { readonly kind: "offered"; readonly payment: OfferedPayment }
  | PaymentChallenge
  | PaymentRefusal
  | PaymentUnknown;

export type SettleOutcome = PaymentSettlement | PaymentChallenge | PaymentRefusal | PaymentUnknown;

/** What a claim of an authorization finds. */
export type PaymentState = "settling" | "unknown" | "settled";

export interface PaymentRow {
  readonly key: AuthorizationKey;
  readonly signedHash: string;
  readonly payTo: Hex;
  /** In the token's smallest unit. */
  readonly amount: number;
  /** Unix seconds. */
  readonly validBefore: number;
  readonly bound: boolean;
  readonly state: PaymentState;
  readonly transaction: Hex | null;
}

/** The gateway's durable payments. Every write is on disk when it resolves. */
export interface PaymentTable {
  /** The row of an authorization, if it was ever tried. */
  findPayment(key: AuthorizationKey): Promise<PaymentRow | null>;
  /** Whether a payment for the submission may yet turn out settled. */
  hasOpenPayment(submission: Pick<NewPayment, "signedHash">): Promise<boolean>;
  /**
   * Inserts a `settling` row, or answers the one that is there: one row per authorization, for ever. Null while another
   * payment for the submission is open.
   */
  claimPayment(payment: NewPayment): Promise<PaymentClaim | null>;
  markPaymentUnknown(change: PaymentChange): Promise<void>;
  /** Forgets a row whose authorization is proven unspent. */
  releasePayment(change: PaymentChange): Promise<void>;
  /** Alone, for the sweep; the gateway's accept operation calls the same function in its own transaction. */
  recordSettlement(record: SettlementRecord): Promise<void>;
  unsettledPayments(query: { readonly before: number; readonly limit: number }): Promise<readonly PaymentRow[]>;
  /** Keeps a payment that was signed by its payer and refused, because it is bound to something else. */
  noteMismatch(mismatch: MismatchedPayment): Promise<void>;
}

export interface MismatchedPayment {
  readonly key: AuthorizationKey;
  /** What it was sent with. */
  readonly signedHash: string;
  readonly amount: number;
  readonly now: number;
}

/** How a payment is tied to what it was sent with (docs/payments.md). */
type Binding = "bound" | "unbound" | "mismatched";

/** A payment as its receiver sees it. */
export interface ReceivedPayment {
  /** Unix milliseconds. */
  readonly at: number;
  readonly state: PaymentState | "refused";
  readonly binding: Binding;
  readonly payer: Hex;
  /** In the token's smallest unit. */
  readonly amount: number;
  readonly network: string;
  readonly asset: Hex;
  readonly transaction: Hex | null;
  readonly signedHash: string;
}

/** How many of each there ever were; of settled ones, and of refused ones. */
export type PaymentTotals = Readonly<Record<Binding, number>>;

export type NewPayment = Omit<PaymentRow, "state" | "transaction"> & { readonly now: number };

export interface PaymentClaim {
  readonly row: PaymentRow;
  /** Nobody had tried this authorization before. */
  readonly fresh: boolean;
}

export interface PaymentChange {
  readonly key: AuthorizationKey;
  readonly signedHash: string;
  readonly now: number;
}

/** What the gate reads of a request. `Headers` fits. */
export interface HeaderReader {
  get(name: string): string | null;
}
