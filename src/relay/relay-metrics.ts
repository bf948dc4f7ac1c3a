import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { SUBMISSION_STATES, type SubmissionState } from "./outbox/outbox-types.ts";

/** What a scrape reads at the moment it is made. */
export interface RelayReadings {
  queue(): Promise<Readonly<Record<SubmissionState, number>>>;
  unacknowledged(): Promise<number>;
  consecutiveFailures(): Promise<number>;
  /** Unix milliseconds; null: never. */
  lastSuccess(): Promise<number | null>;
  /** Milliseconds by which the receiver's clock is ahead; null: not measured yet. */
  clockSkew(): Promise<number | null>;
}

export type SubmissionResult = "ok" | "retry" | "rejected" | "abandoned" | "dry_run";
/** From the first sending to the answer, from there to acceptance, from the round to acceptance (spec 14.10). */
export type LagKind = "http_ack" | "accepted" | "round_accepted";

const SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const LONG_SECONDS = [1, 5, 15, 60, 300, 900, 3_600, 21_600, 86_400];
const BYTES = [512, 2_048, 8_192, 32_768, 131_072, 524_288];

/** The relay's Prometheus metrics (spec 14.8). */
export class RelayMetrics {
  readonly #registry = new Registry();
  readonly #submissions;
  readonly #attempts;
  readonly #cosigns;
  readonly #durations;
  readonly #bytes;
  readonly #byteSum;
  readonly #finalityWaits;
  readonly #lags;

  constructor(readings: RelayReadings) {
    const registers = [this.#registry];
    const counter = <T extends string>(name: string, help: string, labelNames: readonly T[]) =>
      new Counter({ name, help, labelNames, registers });
    const histogram = <T extends string>(
      name: string,
      help: string,
      buckets: number[],
      labelNames: readonly T[] = [],
    ) => new Histogram({ name, help, buckets, labelNames, registers });
    this.#submissions = counter("engram_relay_submissions_total", "Submissions by what came of an attempt", [
      "result",
      "output_type",
    ]);
    this.#attempts = counter("engram_relay_attempts_total", "Attempts by HTTP status, or by an error without one", [
      "code",
    ]);
    this.#cosigns = counter("engram_relay_cosign_total", "Answers given to proposers", ["result"]);
    this.#byteSum = counter("engram_relay_payload_bytes_total", "Bytes of the payloads sent", []);
    this.#durations = histogram("engram_relay_submit_duration_seconds", "Time of one attempt", SECONDS);
    this.#bytes = histogram("engram_relay_payload_bytes", "Size of a payload as sent", BYTES);
    this.#finalityWaits = histogram("engram_relay_finality_wait_seconds", "From queued to signed", LONG_SECONDS);
    this.#lags = histogram("engram_relay_ack_lag_seconds", "From sending to the receiver's word", LONG_SECONDS, [
      "until",
    ]);
    const gauge = (name: string, help: string, read: () => Promise<number | null>) =>
      new Gauge({
        name,
        help,
        registers,
        collect: async function () {
          const value = await read();
          // What is not known has no sample, rather than a false one.
          if (value === null) this.remove();
          else this.set(value);
        },
      });
    new Gauge({
      name: "engram_relay_queue_entries",
      help: "Submissions by state",
      labelNames: ["state"],
      registers,
      collect: async function () {
        const counts = await readings.queue();
        for (const state of SUBMISSION_STATES) this.set({ state }, counts[state]);
      },
    });
    gauge("engram_relay_unacked", "Sent more than an hour ago and neither accepted nor refused", () =>
      readings.unacknowledged(),
    );
    gauge("engram_relay_consecutive_failures", "Failed attempts since the last success", () =>
      readings.consecutiveFailures(),
    );
    gauge("engram_relay_last_success_timestamp_seconds", "When something was delivered last", async () => {
      const at = await readings.lastSuccess();
      return at === null ? null : at / 1_000;
    });
    gauge("engram_relay_clock_skew_seconds", "How far the receiver's clock is ahead of ours", async () => {
      const ms = await readings.clockSkew();
      return ms === null ? null : ms / 1_000;
    });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The text of a scrape. */
  async text(): Promise<string> {
    return await this.#registry.metrics();
  }

  submitted(result: SubmissionResult, outputType: string): void {
    this.#submissions.inc({ result, output_type: outputType });
  }

  attempted({
    code,
    seconds,
    bytes,
  }: {
    readonly code: string;
    readonly seconds: number;
    readonly bytes: number;
  }): void {
    this.#attempts.inc({ code });
    this.#durations.observe(seconds);
    this.#bytes.observe(bytes);
    this.#byteSum.inc(bytes);
  }

  cosigned(result: string): void {
    this.#cosigns.inc({ result });
  }

  waitedForFinality(seconds: number): void {
    this.#finalityWaits.observe(seconds);
  }

  lagged(until: LagKind, seconds: number): void {
    this.#lags.observe({ until }, Math.max(0, seconds));
  }
}
