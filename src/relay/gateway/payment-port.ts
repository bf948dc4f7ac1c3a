import type { PaidSubmission } from "../payment/payment-types.ts";
import type { HeaderReader, OfferedPayment, PaymentChallenge, RequireOutcome, SettleOutcome } from "./payment-types.ts";

/**
 * The paying part of the gateway's pipeline. Order of use: `require` (moves nothing), every check that can fail, then
 * `settle`, then one transaction that stores the submission and calls `recordSettlement` with the outcome's `record`.
 * Whoever dies in between finds the settlement again by sending the same payment: no second charge.
 */
export interface SubmissionGate {
  /** What a submission costs, in millionths of a dollar; 0 is free. */
  readonly price: number;
  /** The 402 that states the price, for a submission that has everything but payment. */
  challenge(submission: PaidSubmission): PaymentChallenge;
  /** Checks what the request offers: terms, signature, binding. Errors of the store and the chain are thrown. */
  require(submission: PaidSubmission, headers: HeaderReader): Promise<RequireOutcome>;
  /** Moves the money once, whatever the number of copies, retries and restarts. */
  settle(payment: OfferedPayment): Promise<SettleOutcome>;
  /** Asks the chain about payments whose outcome is unknown; run it at the start and every minute. */
  reconcile(): Promise<void>;
}
