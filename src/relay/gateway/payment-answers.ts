import type { PaidSubmission, SettledPayment } from "../payment/payment-types.ts";
import { encodeHeader, HEADERS } from "../payment/payment-wire.ts";
import { type GatewayTerms, requirementsV1, requirementsV2 } from "./payment-terms.ts";
import type { OfferedPayment, PaymentChallenge, PaymentRefusal, PaymentUnknown } from "./payment-types.ts";

/** Our own words for everything that can be wrong: a facilitator's quote calldata, and are never passed on. */
const REASONS = {
  payment_required: "this submission must be paid for",
  terms: "the payment does not match what is asked for",
  signature: "the payer's signature does not fit the payment",
  expired: "the payment's time has passed or is too short",
  not_yet_valid: "the payment's time has not begun",
  too_long_valid: "the payment may end at most an hour from now",
  spent: "this authorization was spent or cancelled",
  insufficient_funds: "the payer has not enough of the token",
  not_settled: "the payment could not be settled, and no money moved",
} as const;
export type Reason = keyof typeof REASONS;

const REFUSALS = {
  payment_malformed: [400, "the payment header is malformed"],
  two_payments: [400, "send one payment header, not two"],
  payment_mismatched: [400, "the payment is bound to another submission"],
  payment_spent: [409, "this payment was used for another submission"],
} as const;
export type Refusal = keyof typeof REFUSALS;

const JSON_HEADERS = { "content-type": "application/json", "cache-control": "no-store" };
const RETRY_SECONDS = 5;

/** 402 in both versions: the second's terms in a header, the first's in the body, so that clients of either pay. */
export function challengeOf(
  terms: GatewayTerms,
  submission: Pick<PaidSubmission, "resource">,
  reason: Reason,
): PaymentChallenge {
  const error = REASONS[reason];
  const required = {
    x402Version: 2,
    error,
    resource: { url: submission.resource, description: "one submission", mimeType: "application/json" },
    accepts: [requirementsV2(terms)],
  };
  return {
    kind: "challenge",
    status: 402,
    headers: { ...JSON_HEADERS, [HEADERS.required]: encodeHeader(required) },
    body: { x402Version: 1, error, reason, accepts: terms.v1 ? [requirementsV1(terms, submission)] : [] },
  };
}

export function refusalOf(refusal: Refusal): PaymentRefusal {
  const [status, error] = REFUSALS[refusal];
  return { kind: "refused", status, headers: JSON_HEADERS, body: { error, reason: refusal } };
}

/** Never a 402: that would ask for a second payment while the first may have been made. */
export function unknownAnswer(): PaymentUnknown {
  return {
    kind: "unknown",
    status: 503,
    retryAfterSeconds: RETRY_SECONDS,
    headers: { ...JSON_HEADERS, "retry-after": `${RETRY_SECONDS}` },
    body: {
      error: "whether the payment was settled is not known yet; send the same request again",
      reason: "payment_unknown",
    },
  };
}

/** The header that tells a client of either version that it has paid. */
export function settledHeaders(
  { version }: OfferedPayment,
  settled: SettledPayment,
  { token }: GatewayTerms,
): Readonly<Record<string, string>> {
  const network = version === 1 ? token.v1Network : token.network;
  const { transaction, payer } = settled;
  return { [HEADERS.response[version]]: encodeHeader({ success: true, transaction, network, payer }) };
}
