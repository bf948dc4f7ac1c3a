import { MetricSet } from "../../node/runtime/metric-set.ts";
import type { Receipt } from "../receipt.ts";
import { type Answer, REFUSAL_CODES, type RefusalCode } from "./refusal.ts";

/** What a scrape reads at the moment it is made. */
export interface GatewayReadings {
  /** The number of the newest receipt. */
  receipts(): Promise<number>;
  /** Of those without one, by what they lack. */
  open(): Promise<Readonly<Record<string, number>>>;
  feedReaders(): number;
}

/** What became of a submission that got past the checks. */
const OUTCOMES = [
  ...(["accepted", "duplicate", "pending_quorum", "pending_chain"] as const),
  ...(["payment_required", "payment_refused", "payment_unknown"] as const),
];
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const BYTES = [512, 2_048, 8_192, 32_768, 131_072, 524_288, 1_048_576];

/** The gateway's Prometheus metrics: what was sent to it, why it was refused, what was paid, and who reads. */
export class GatewayMetrics extends MetricSet {
  readonly #submissions = this.counter(
    "engram_gateway_submissions_total",
    "Submissions that passed the checks, by what became of them",
    ["outcome"],
    OUTCOMES,
  );
  readonly #refused = this.counter(
    "engram_gateway_refused_total",
    "Requests that were refused, by reason",
    ["reason"],
    REFUSAL_CODES,
  );
  readonly #durations = this.histogram(
    "engram_gateway_submission_duration_seconds",
    "Time of one submission that passed the checks",
    SECONDS,
  );
  readonly #bytes = this.histogram("engram_gateway_submission_bytes", "Size of a submission as it came", BYTES);
  readonly #payments = this.counter("engram_gateway_payments_total", "Payments that receipts were given for");
  readonly #received = this.counter("engram_gateway_received_usd_total", "Dollars of these payments");

  constructor(readings: GatewayReadings) {
    super();
    this.reading("engram_gateway_receipts", "Receipts that were given, ever", () => readings.receipts());
    this.readings("engram_gateway_open_submissions", "Submissions without a receipt, by what they lack", "state", () =>
      readings.open(),
    );
    this.reading("engram_gateway_feed_readers", "Streams of the feed that are open", () => readings.feedReaders());
  }

  /** How a submission was answered, and the receipt that it got now. */
  answered({ status, body }: Answer, seconds: number): void {
    const { status: said, receipt } = body as { readonly status?: unknown; readonly receipt?: Receipt | null };
    const outcome = OUTCOMES.find((one) => one === said) ?? PAYMENT_OUTCOMES[status] ?? "payment_refused";
    this.#submissions.inc({ outcome });
    this.#durations.observe(seconds);
    if (outcome !== "accepted" || !receipt?.payment) return;
    this.#payments.inc();
    // Tokens that are taken here have six decimals.
    this.#received.inc(Number(receipt.payment.amount) / 1_000_000);
  }

  arrived(bytes: number): void {
    this.#bytes.observe(bytes);
  }

  refused(reason: RefusalCode): void {
    this.#refused.inc({ reason });
  }
}

/** A payment's answers say nothing of that kind. */
const PAYMENT_OUTCOMES: Readonly<Record<number, (typeof OUTCOMES)[number]>> = {
  402: "payment_required",
  503: "payment_unknown",
};
