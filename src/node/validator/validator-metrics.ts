import { MetricSet } from "../runtime/metric-set.ts";
import type { HealthCounts } from "./replication/replica-health.ts";
import type { Verdict } from "./store/validator-rows.ts";
import type { Measurement } from "./visit-miner.ts";

/** What a scrape reads at the moment it is made. */
interface ValidatorReadings {
  /** Public records that are looked after, by confirmed copies. */
  records(): Promise<HealthCounts | null>;
}

const VERDICTS = ["quorum", "alone", "refused", "orphaned", "unheard"];

/** The validator's Prometheus metrics: its rounds, what others say of them, and what became of its weights. */
export class ValidatorMetrics extends MetricSet {
  readonly #rounds = this.counter(
    "engram_validator_rounds_total",
    "Rounds by how they ended: quorum, alone, refused, orphaned, unheard",
    ["verdict"],
    VERDICTS,
  );
  readonly #voices = this.gauge("engram_validator_voices", "Voices in the last round that ended: speaking, agreeing", [
    "kind",
  ]);
  readonly #lastRound = this.gauge("engram_validator_last_round", "The last round that ended");
  readonly #equivocations = this.counter(
    "engram_validator_equivocations_total",
    "Validators that said two things of a round",
  );
  readonly #weights = this.counter(
    "engram_validator_weights_total",
    "Weights by what became of them: sent, refused by the chain, counts, lost",
    ["state"],
    ["sent", "refused", "counts", "lost"],
  );
  readonly #ownWeights = this.counter(
    "engram_validator_own_weights_total",
    "Own weights set although others disagreed for a tempo",
  );
  readonly #heldBack = this.gauge("engram_validator_weights_held_back", "1 while weights wait for a quorum");
  readonly #lastCounted = this.gauge(
    "engram_validator_weights_last_counted_seconds",
    "When weights were last read back, unix time",
  );
  readonly #measuring = this.gauge("engram_validator_measuring_seconds", "What the last round's measuring took");
  readonly #miners = this.gauge(
    "engram_validator_miners",
    "Miners in the last round that was measured: answering, silent, slashed",
    ["state"],
  );
  readonly #challenges = this.counter(
    "engram_validator_challenges_total",
    "Challenges that count, by outcome",
    ["result"],
    ["passed", "failed"],
  );
  readonly #latencies = this.histogram(
    "engram_validator_miner_latency_seconds",
    "What a miner's queries took on average, once a round",
    [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
  );
  readonly #scores = this.gauge(
    "engram_validator_miner_score",
    "Moving averages of the miners' scores: lowest (0), median (0.5), highest (1)",
    ["quantile"],
  );
  readonly #restored = this.counter(
    "engram_validator_copies_restored_total",
    "Copies brought to miners and proved there",
  );

  constructor(readings: ValidatorReadings = { records: async () => null }) {
    super();
    this.readings(
      "engram_validator_records",
      "Public records by their confirmed copies: healthy (3 or more), degraded (2), critical (1), lost (0)",
      "health",
      async () => {
        const counts = await readings.records();
        return counts && { ...counts };
      },
    );
  }

  /** A round's measurements and what they took; `slashed` miners get no weight. */
  measured(measurements: readonly Measurement[], milliseconds: number, slashed: number): void {
    this.#measuring.set(milliseconds / 1_000);
    const answering = measurements.filter(({ latencyMs }) => latencyMs !== null).length;
    this.#miners.set({ state: "answering" }, answering);
    this.#miners.set({ state: "silent" }, measurements.length - answering);
    this.#miners.set({ state: "slashed" }, slashed);
    for (const { latencyMs } of measurements) if (latencyMs !== null) this.#latencies.observe(latencyMs / 1_000);
    const proofs = measurements.flatMap(({ proofs }) => proofs);
    const passed = proofs.filter(Boolean).length;
    this.#challenges.inc({ result: "passed" }, passed);
    this.#challenges.inc({ result: "failed" }, proofs.length - passed);
  }

  round(verdict: Verdict | "orphaned" | "unheard"): void {
    this.#rounds.inc({ verdict });
  }

  voices(roundId: number, { agreeing, speaking }: { readonly agreeing: number; readonly speaking: number }): void {
    this.#lastRound.set(roundId);
    this.#voices.set({ kind: "agreeing" }, agreeing);
    this.#voices.set({ kind: "speaking" }, speaking);
  }

  /** The moving averages after a round: of them the lowest, the median and the highest. */
  scores(values: readonly number[]): void {
    const sorted = values.toSorted((left, right) => left - right);
    for (const quantile of [0, 0.5, 1]) {
      const score = sorted[Math.floor((sorted.length - 1) * quantile)];
      if (score !== undefined) this.#scores.set({ quantile: String(quantile) }, score);
    }
  }

  restored(copies: number): void {
    this.#restored.inc(copies);
  }

  equivocation(): void {
    this.#equivocations.inc();
  }

  weights(state: "sent" | "refused" | "counts" | "lost"): void {
    this.#weights.inc({ state });
    if (state === "counts") this.#lastCounted.setToCurrentTime();
  }

  ownWeightsSet(): void {
    this.#ownWeights.inc();
  }

  heldBack(isHeldBack: boolean): void {
    this.#heldBack.set(isHeldBack ? 1 : 0);
  }
}
