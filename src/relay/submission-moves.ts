import type { Clock } from "../node/runtime/clock.ts";
import type { Logger } from "../node/runtime/logger.ts";
import type { Outbox } from "./outbox/outbox.ts";
import type { Submission, SubmissionState } from "./outbox/outbox-types.ts";
import type { RelayMetrics } from "./relay-metrics.ts";

/** What moving a submission from state to state needs. */
export interface MoveDeps {
  readonly outbox: Pick<Outbox, "call">;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics?: RelayMetrics | undefined;
  /** In [0, 1), for the spread of waits; absent: none. */
  readonly random?: (() => number) | undefined;
}

/** On to the next state, at once. */
export async function moveTo({ outbox, clock }: MoveDeps, { job }: Submission, state: SubmissionState): Promise<true> {
  await outbox.call("postpone", { job, state, nextAt: clock.now(), code: null, http: null });
  return true;
}

/** Later in the same state; `code` says what it waits for. */
export async function waitUntil(
  { outbox }: MoveDeps,
  { job, state, lastHttpCode }: Submission,
  code: string,
  nextAt: number,
): Promise<void> {
  await outbox.call("postpone", { job, state, nextAt, code, http: lastHttpCode });
}

/** It is over, without a receipt. */
export async function endAs(
  { outbox, clock, log }: MoveDeps,
  { job }: Pick<Submission, "job">,
  state: "parked" | "orphaned" | "skipped",
  code: string,
  http: number | null = null,
): Promise<false> {
  await outbox.call("end", { job, state, code, http, now: clock.now() });
  if (state === "parked") log.error({ job, code, http }, "parked: a person has to look; engram relay list");
  else log.warn({ job, code }, `${state}: it is not sent any more`);
  return false;
}
