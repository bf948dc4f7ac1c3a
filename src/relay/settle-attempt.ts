import { MAX_ASK_MS } from "./cosign/proposer-order.ts";
import { isAtLeast } from "./gateway/submission.ts";
import type { Submission } from "./outbox/outbox-types.ts";
import { readPayload } from "./payload/read-payload.ts";
import type { Receipt } from "./receipt.ts";
import { medianOf } from "./status.ts";
import { endAs, type MoveDeps, waitUntil } from "./submission-moves.ts";
import type { SubmitOutcome } from "./submit.ts";

const FIRST_POLL_MS = 5_000;
const MAX_POLL_MS = 300_000;
const PENDING_LIMIT_MS = 86_400_000;
/** The receiver forgets by then what lacks validators (spec 14.2); the next rounds are no worse off. */
export const QUORUM_LIMIT_MS = 3_600_000;

/** Writes down what an attempt came to, and tells whoever watches. */
export async function settleAttempt(deps: MoveDeps, submission: Submission, outcome: SubmitOutcome): Promise<void> {
  const { outbox, clock, log, metrics, random } = deps;
  const { job, assurance, polls, firstSubmitAt, outputType } = submission;
  const now = clock.now();
  if ("skewMs" in outcome && outcome.skewMs !== null) await outbox.call("noteSkew", { ms: outcome.skewMs });
  switch (outcome.kind) {
    case "delivered": {
      if (!isReceiptOf(submission, outcome.receipt)) {
        const differs = { kind: "retry", code: "receipt_differs", http: outcome.http, retryAfterMs: 0 } as const;
        return await settleAttempt(deps, submission, differs);
      }
      await outbox.call("deliver", { job, receipt: outcome.receipt, http: outcome.http, now });
      await hear(deps, null);
      metrics?.submitted("ok", outputType);
      await measureLag(deps, submission, outcome.receipt, now);
      return log.info({ job, sequence: outcome.receipt.gateway_seq }, "delivered");
    }
    case "pending": {
      const waited = now - (firstSubmitAt ?? now);
      if (assurance === "quorum" && outputType === "memory" && waited > QUORUM_LIMIT_MS) {
        return void (await endAs(deps, submission, "parked", "no_quorum", outcome.http));
      }
      if (assurance === "quorum" && waited > QUORUM_LIMIT_MS) {
        return void (await endAs(
          deps,
          submission,
          "skipped",
          outcome.code === "pending_chain" ? "no_anchor" : "no_quorum",
        ));
      }
      if (waited > PENDING_LIMIT_MS) return void (await endAs(deps, submission, "parked", "expired"));
      const [state, longest] =
        assurance === "quorum" ? (["cosigning", MAX_ASK_MS] as const) : (["submitting", MAX_POLL_MS] as const);
      const nextAt = now + Math.max(outcome.retryAfterMs, Math.min(longest, FIRST_POLL_MS * 2 ** polls));
      return await outbox.call("pending", { job, state, nextAt, code: outcome.code, http: outcome.http, now });
    }
    case "rejected":
      await hear(deps, outcome.code);
      metrics?.submitted("rejected", outputType);
      return void (await endAs(deps, submission, "parked", outcome.code, outcome.http));
    case "postponed":
      return await waitUntil(deps, submission, outcome.code, now + outcome.retryAfterMs);
    case "retry": {
      const { code, http, retryAfterMs } = outcome;
      const state = await outbox.call("failAttempt", { job, code, http, retryAfterMs, draw: random?.(), now });
      await hear(deps, code);
      metrics?.submitted(state === "abandoned" ? "abandoned" : "retry", outputType);
      if (state === "abandoned") log.error({ job, code, http }, "abandoned after ten retries; engram relay replay");
      else log.warn({ job, code, http }, "the submission failed; trying again");
    }
  }
}

/** Counts the outcome among all attempts; the third failure on end, each doubling and the end of it are errors. */
async function hear({ outbox, clock, log }: MoveDeps, code: string | null): Promise<void> {
  const alert = await outbox.call("noteOutcome", { code, now: clock.now() });
  if (alert === null) return;
  const { state, consecutiveFailures, firstFailureAt, lastError } = alert;
  const fields = { alert: "relay_failures", state, consecutiveFailures, firstFailureAt, lastError };
  if (state === "firing") log.error(fields, "submissions keep failing");
  else log.info(fields, "submissions are delivered again");
}

/** Three times: to the answer, to acceptance by the receiver's clock set right, and from the round (spec 14.10). */
async function measureLag({ outbox, metrics }: MoveDeps, submission: Submission, receipt: Receipt, now: number) {
  if (!metrics) return;
  const { body, firstSubmitAt } = submission;
  const skew = medianOf((await outbox.call("attempts", null)).skews) ?? 0;
  const acceptedAt = receipt.accepted_at_ms - skew;
  const sentAt = firstSubmitAt ?? now;
  metrics.lagged("http_ack", (now - sentAt) / 1_000);
  metrics.lagged("accepted", (acceptedAt - sentAt) / 1_000);
  if (body !== null) metrics.lagged("round_accepted", acceptedAt / 1_000 - readPayload(body).roundTs);
}

/** A receipt for less than was sent, or on another chain, delivers nothing. */
function isReceiptOf({ outputHash, assurance, chain }: Submission, receipt: Receipt): boolean {
  return receipt.output_hash === outputHash && isAtLeast(receipt.assurance, assurance) && receipt.chain === chain;
}
