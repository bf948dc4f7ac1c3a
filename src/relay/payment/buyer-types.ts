import type { Hex, PaidSubmission, PaymentNetwork } from "./payment-types.ts";

/** A gateway's 402, as it came. */
export interface ReceivedChallenge {
  /** Of the response; `Headers` fits. */
  readonly headers: { get(name: string): string | null };
  /** The parsed JSON body, or anything else where it is none. */
  readonly body: unknown;
}

/** Sent with the submission, byte for byte the same every time: the payment and its salt. */
export type PaymentHeaders = Readonly<Record<string, string>>;

/**
 * Pays for submissions, each at most once. What is signed is on disk before it is handed out, so a retry, also after a
 * crash, sends the same payment again and can never pay twice (V-W39).
 */
export interface SubmissionPayer extends AsyncDisposable {
  /** The address that pays. */
  readonly address: Hex;
  /** The payment that was signed for this submission before, if any: send it with every further attempt. */
  stored(submission: PaidSubmission): Promise<PaymentHeaders | undefined>;
  /**
   * Answers a 402: reserves the budget, signs, stores, and returns what to send. For a submission that has a signed
   * payment it returns that one; after its end, and only when the chain says that it was never spent, it signs anew
   * with the same nonce.
   *
   * Errors, all final for this submission until a person acts: `PAYMENT_CHANGED`, `PAYMENT_NOT_ALLOWED`,
   * `PAYMENT_TOO_DEAR`, `PAYMENT_CHALLENGE_INVALID`. Worth trying later: `PAYMENT_BUDGET` (`retryAfterMs` says when
   * the day ends), `PAYMENT_CHAIN_UNREACHABLE`.
   */
  pay(challenge: ReceivedChallenge, submission: PaidSubmission, options?: PayOptions): Promise<PaymentHeaders>;
  /** The gateway took the submission: the reserved money counts as spent. `headers` are those of its answer. */
  settled(submission: PaidSubmission, headers: { get(name: string): string | null }): Promise<void>;
  /** Asks the chain about payments whose end has passed: spent ones are counted, unspent ones freed. */
  reconcile(): Promise<void>;
  budget(): Promise<BudgetState>;
  ledger(query?: LedgerQuery): Promise<readonly LedgerEntry[]>;
}

export interface PayOptions {
  /** A person looked at it: a payment under other terms may be made once the earlier one is proven void. */
  readonly acceptNewTerms?: boolean;
}

/** Millionths of a dollar, of the UTC day. */
export interface BudgetState {
  readonly day: string;
  readonly limit: number;
  /** Signed and not known to be settled. */
  readonly reserved: number;
  readonly spent: number;
  readonly left: number;
}

export interface LedgerQuery {
  /** At most 1000; 100 by default. Newest first. */
  readonly limit?: number;
}

/** `reserved` before it is signed; `signed` may be spent at any moment; `released` is proven unspent. */
export type PurchaseState = "reserved" | "signed" | "settled" | "released";

export interface LedgerEntry {
  readonly signedHash: string;
  readonly gateway: string;
  readonly network: PaymentNetwork;
  readonly asset: Hex;
  readonly payTo: Hex;
  readonly payer: Hex;
  /** In the token's smallest unit. */
  readonly amount: number;
  readonly state: PurchaseState;
  /** UTC day whose budget it draws on. */
  readonly day: string;
  readonly transaction: Hex | null;
  /** Unix milliseconds. */
  readonly createdAt: number;
  readonly updatedAt: number;
}
