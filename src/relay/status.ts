import type { Outbox } from "./outbox/outbox.ts";
import { SUBMISSION_STATES, type SubmissionState } from "./outbox/outbox-types.ts";

/** The relay in numbers (spec 11.7, and what it leaves open). Counts are submissions unless they say otherwise. */
export interface RelayStatus {
  readonly states: Readonly<Record<SubmissionState, number>>;
  /** Failed at least once and still tried. */
  readonly dlq_pending: number;
  readonly dlq_abandoned: number;
  readonly total_ok: number;
  /** Parked or abandoned: what needs a person (V-W38: attempts are counted apart). */
  readonly total_failed: number;
  readonly failed_attempts: number;
  readonly dry_runs: number;
  readonly last_ok_hash: string | null;
  /** Unix milliseconds. */
  readonly last_ok_at: number | null;
  /** Failed attempts since the last success, of all submissions together. */
  readonly consecutive_failures: number;
  /** How far the receiver's clock is ahead; null until it was measured. */
  readonly clock_skew_ms: number | null;
}

/** Reads the outbox; a relay that never ran is all zeros. */
export async function relayStatus(outbox: Outbox): Promise<RelayStatus> {
  const { failures, skews } = await outbox.call("attempts", null);
  const { states, counters, dlqPending, lastOk } = await outbox.call("summary", null);
  const inState = (state: SubmissionState) => states.find((row) => row.state === state)?.count ?? 0;
  const counter = (name: string) => counters.find((row) => row.name === name)?.value ?? 0;
  const counts = SUBMISSION_STATES.map((state) => [state, inState(state)] as const);
  return {
    states: Object.fromEntries(counts) as Record<SubmissionState, number>,
    dlq_pending: dlqPending,
    dlq_abandoned: inState("abandoned"),
    total_ok: inState("delivered"),
    total_failed: inState("parked") + inState("abandoned"),
    failed_attempts: counter("failed_attempts"),
    dry_runs: counter("dry_runs"),
    last_ok_hash: lastOk?.output_hash ?? null,
    last_ok_at: lastOk?.ended_at ?? null,
    consecutive_failures: failures,
    clock_skew_ms: medianOf(skews) ?? null,
  };
}

/** Undefined of nothing. */
export function medianOf(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)];
}
