import type { HttpReply } from "../../node/runtime/http-client.ts";
import type { PaymentHeaders } from "../payment/buyer-types.ts";

/** A submission on its way. */
export interface SentSubmission {
  readonly signedHash: string;
  /** The wire text, co-signatures included: sent as it is. */
  readonly text: string;
  /** As of which its anchor is to be read. */
  readonly anchorBlock?: number | undefined;
  readonly payment: PaymentHeaders;
}

/** An answer in the words and statuses of spec 14.0, whatever carried it. */
export type SubmissionReply = HttpReply;

/**
 * How submissions reach a gateway. Every call has a deadline and a limit, and nothing is retried within it.
 *
 * Errors: of the transport's own, which pass; the signal's reason.
 */
export interface SubmissionTransport extends AsyncDisposable {
  /** False: whatever costs money is refused, and no payment is sent. */
  readonly carriesPayments: boolean;
  /** Sends once. */
  send(sent: SentSubmission, signal: AbortSignal): Promise<SubmissionReply>;
  /** Who signs the gateway's receipts from which number on, unjudged; undefined where it does not say. */
  successions(signal: AbortSignal): Promise<unknown>;
}
