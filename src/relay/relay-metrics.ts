import { MetricSet } from "../node/runtime/metric-set.ts";
import { SUBMISSION_STATES, type SubmissionState } from "./outbox/outbox-types.ts";
import type { BudgetState } from "./payment/buyer-types.ts";

/** What a scrape reads at the moment it is made. */
export interface RelayReadings {
  queue(): Promise<Readonly<Record<SubmissionState, number>>>;
  unacknowledged(): Promise<number>;
  consecutiveFailures(): Promise<number>;
  /** Unix milliseconds; null: never. */
  lastSuccess(): Promise<number | null>;
  /** Unix milliseconds since which something waits to be sent; null: nothing does. */
  waitingSince(): Promise<number | null>;
  /** Milliseconds by which the receiver's clock is ahead; null: not measured yet. */
  clockSkew(): Promise<number | null>;
  /** Null where nothing may be spent. */
  budget(): Promise<BudgetState | null>;
}

export type SubmissionResult = "ok" | "retry" | "rejected" | "abandoned" | "dry_run";
/** From the first sending to the answer, from there to acceptance, from the round to acceptance (spec 14.10). */
export type LagKind = "http_ack" | "accepted" | "round_accepted";

const SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const LONG_SECONDS = [1, 5, 15, 60, 300, 900, 3_600, 21_600, 86_400];
const BYTES = [512, 2_048, 8_192, 32_768, 131_072, 524_288];

/** The Prometheus metrics of the relays of a process (spec 14.8): a server for several callers has one for each. */
export class RelayMetrics extends MetricSet {
  readonly #watched = new Set<RelayReadings>();
  readonly #submissions = this.counter(
    "engram_relay_submissions_total",
    "Submissions by what came of an attempt: ok, retry, rejected, abandoned, dry_run",
    ["result", "output_type"],
  );
  readonly #attempts = this.counter(
    "engram_relay_attempts_total",
    "Attempts by HTTP status, or by an error without one",
    ["code"],
  );
  readonly #cosigns = this.counter("engram_relay_cosign_total", "Answers given to proposers", ["result"]);
  readonly #vouched = this.counter("engram_relay_propose_total", "Answers given to authors of memories", ["result"]);
  readonly #byteSum = this.counter("engram_relay_payload_bytes_total", "Bytes of the payloads sent");
  readonly #durations = this.histogram("engram_relay_submit_duration_seconds", "Time of one attempt", SECONDS);
  readonly #bytes = this.histogram("engram_relay_payload_bytes", "Size of a payload as sent", BYTES);
  readonly #finalityWaits = this.histogram("engram_relay_finality_wait_seconds", "From queued to signed", LONG_SECONDS);
  readonly #lags = this.histogram(
    "engram_relay_ack_lag_seconds",
    "To the answer (http_ack), to acceptance (accepted), and from the round to it (round_accepted)",
    LONG_SECONDS,
    ["until"],
  );

  constructor() {
    super();
    this.readings(
      "engram_relay_queue_entries",
      "Submissions by state; parked and abandoned ones wait for a person",
      "state",
      async () => {
        const queues = await this.#all((readings) => readings.queue());
        return Object.fromEntries(SUBMISSION_STATES.map((state) => [state, sum(queues.map((queue) => queue[state]))]));
      },
    );
    this.reading("engram_relay_unacked", "Sent more than an hour ago and neither accepted nor refused", async () =>
      sum(await this.#all((readings) => readings.unacknowledged())),
    );
    this.reading("engram_relay_consecutive_failures", "Failed attempts since the last success", async () =>
      Math.max(0, ...(await this.#all((readings) => readings.consecutiveFailures()))),
    );
    this.reading("engram_relay_last_success_timestamp_seconds", "When something was delivered last", async () =>
      seconds(largest(await this.#all((readings) => readings.lastSuccess()))),
    );
    this.reading("engram_relay_waiting_since_timestamp_seconds", "Since when the oldest submission waits", async () =>
      seconds(smallest(await this.#all((readings) => readings.waitingSince()))),
    );
    this.reading("engram_relay_clock_skew_seconds", "How far the receiver's clock is ahead of ours", async () =>
      seconds(largest(await this.#all((readings) => readings.clockSkew()))),
    );
    this.#dollars("engram_relay_payment_budget_usd", "What a UTC day may cost", ({ limit }) => limit);
    this.#dollars("engram_relay_payment_spent_usd", "What was spent this UTC day", ({ spent }) => spent);
    this.#dollars(
      "engram_relay_payment_reserved_usd",
      "Signed and not known to be settled",
      ({ reserved }) => reserved,
    );
  }

  /** Reads these too, until the returned function is called. */
  watch(readings: RelayReadings): () => void {
    this.#watched.add(readings);
    return () => void this.#watched.delete(readings);
  }

  submitted(result: SubmissionResult, outputType: string): void {
    this.#submissions.inc({ result, output_type: outputType });
  }

  attempted({
    code,
    seconds: took,
    bytes,
  }: {
    readonly code: string;
    readonly seconds: number;
    readonly bytes: number;
  }): void {
    this.#attempts.inc({ code });
    this.#durations.observe(took);
    this.#bytes.observe(bytes);
    this.#byteSum.inc(bytes);
  }

  cosigned(result: string): void {
    this.#cosigns.inc({ result });
  }

  vouched(result: string): void {
    this.#vouched.inc({ result });
  }

  waitedForFinality(waited: number): void {
    this.#finalityWaits.observe(waited);
  }

  lagged(until: LagKind, lag: number): void {
    this.#lags.observe({ until }, Math.max(0, lag));
  }

  async #all<T>(read: (readings: RelayReadings) => Promise<T>): Promise<readonly T[]> {
    return await Promise.all([...this.#watched].map(read));
  }

  #dollars(name: string, help: string, of: (budget: BudgetState) => number): void {
    this.reading(name, help, async () => {
      const budgets = (await this.#all((readings) => readings.budget())).filter((budget) => budget !== null);
      return budgets.length === 0 ? null : sum(budgets.map(of)) / 1_000_000;
    });
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function largest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}

function smallest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.min(...known);
}

function seconds(milliseconds: number | null): number | null {
  return milliseconds === null ? null : milliseconds / 1_000;
}
