import { formatMicroDollars as dollars } from "../relay/payment/micro-dollars.ts";
import type { RelayBooks } from "../relay/relay-books.ts";
import { isoDate } from "./dates.ts";

type Submission = NonNullable<Awaited<ReturnType<RelayBooks["find"]>>>;
type Budget = Awaited<ReturnType<RelayBooks["budget"]>>;

/** What a model can do about why a submission waits or stands still. */
const reasons: Readonly<Record<string, string>> = {
  not_final: "waits for its block to be final",
  quorum: "validators are asked to check it at two miners; they are asked again",
  no_quorum:
    "too few validators checked it within an hour, so it was not published: the person runs engram relay replay",
  quorum_refused:
    "validators refused it for good, so it was not published: publish it without quorum, or store the memory anew",
  payment_not_configured:
    "the gateway asks for money: the person sets ENGRAM_DAILY_BUDGET_USD and ENGRAM_PAYMENT_RPC_URL, then runs engram relay replay",
  PAYMENT_BUDGET: "the day's budget is spent: it goes on tomorrow (UTC)",
  PAYMENT_TOO_DEAR: "the price is above ENGRAM_MAX_PAYMENT_USD: the person decides, then runs engram relay replay",
  PAYMENT_CHANGED: "the gateway changed its price: the person decides, then runs engram relay replay",
  HTTP_UNREACHABLE: "the gateway does not answer: it is tried again",
  HTTP_TIMEOUT: "the gateway does not answer in time: it is tried again",
};
const standing = "the person looks at it (engram relay list) and runs engram relay replay";

/** A submission in one line. */
export function showSubmissionLine({ job, outputType, state, createdAt, lastError }: Submission) {
  return { job, type: outputType, state, at: isoDate(createdAt), ...(lastError === null ? {} : { error: lastError }) };
}

/** A submission with what became of it; its text stays in the outbox, and a payment's header anywhere but here. */
export function showSubmission(submission: Submission) {
  const { job, outputType, state, assurance, block, outputHash, signedHash, attempts, receipt } = submission;
  const isEnded = submission.endedAt !== null;
  const { lastError } = submission;
  return {
    job,
    state,
    type: outputType,
    assurance,
    block,
    output_hash: outputHash,
    ...(signedHash === null ? {} : { signed_hash: signedHash }),
    created: isoDate(submission.createdAt),
    attempts,
    ...(lastError === null ? {} : { error: lastError, why: whyOf(lastError, isEnded) }),
    ...(isEnded ? {} : { next_attempt: isoDate(submission.nextAt) }),
    ...(receipt === null ? {} : { receipt: showReceipt(receipt) }),
  };
}

function whyOf(code: string, isEnded: boolean): string {
  return reasons[code] ?? (isEnded ? standing : "it is tried again");
}

/** Verified when it came: the pinned gateway signed it for this very submission. */
function showReceipt(receipt: NonNullable<Submission["receipt"]>) {
  const { gateway_seq, assurance, accepted_at_ms, accepted_at_block, receipt_hash, payment } = receipt;
  const paid = payment && {
    payer: payment.payer,
    amount: dollars(Number(payment.amount)),
    transaction: payment.transaction,
  };
  return {
    gateway_seq,
    assurance,
    accepted_at: isoDate(accepted_at_ms),
    accepted_at_block,
    receipt_hash,
    ...(paid ? { paid } : {}),
  };
}

/** The day's budget as a model reads it. */
export function showBudget({ day, limit, spent, reserved, left }: Budget) {
  return { day, limit: dollars(limit), spent: dollars(spent), reserved: dollars(reserved), left: dollars(left) };
}
