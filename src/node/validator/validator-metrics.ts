import { Counter, Gauge, Registry } from "prom-client";
import type { Verdict } from "./store/validator-rows.ts";
import type { Measurement } from "./visit-miner.ts";

/** The validator's Prometheus metrics: its rounds, what others say of them, and what became of its weights. */
export class ValidatorMetrics {
  /** Others that live in the process add theirs. */
  readonly registry = new Registry();
  readonly #rounds;
  readonly #voices;
  readonly #lastRound;
  readonly #equivocations;
  readonly #weights;
  readonly #ownWeights;
  readonly #heldBack;
  readonly #lastCounted;
  readonly #measuring;
  readonly #miners;
  readonly #challenges;

  constructor() {
    const registers = [this.registry];
    const counter = <T extends string>(name: string, help: string, labelNames: readonly T[] = []) =>
      new Counter({ name, help, labelNames, registers });
    const gauge = <T extends string>(name: string, help: string, labelNames: readonly T[] = []) =>
      new Gauge({ name, help, labelNames, registers });
    this.#rounds = counter("engram_validator_rounds_total", "Rounds by how they ended", ["verdict"]);
    this.#voices = gauge("engram_validator_voices", "Voices in the last round that ended", ["kind"]);
    this.#lastRound = gauge("engram_validator_last_round", "The last round that ended");
    this.#equivocations = counter("engram_validator_equivocations_total", "Validators that said two things of a round");
    this.#weights = counter("engram_validator_weights_total", "Weights by what became of them", ["state"]);
    this.#ownWeights = counter(
      "engram_validator_own_weights_total",
      "Own weights set although others disagreed for a tempo",
    );
    this.#heldBack = gauge("engram_validator_weights_held_back", "1 while weights wait for a quorum");
    this.#lastCounted = gauge(
      "engram_validator_weights_last_counted_seconds",
      "When weights were last read back, unix time",
    );
    this.#measuring = gauge("engram_validator_measuring_seconds", "What the last round's measuring took");
    this.#miners = gauge("engram_validator_miners", "Miners in the last round that was measured", ["state"]);
    this.#challenges = counter("engram_validator_challenges_total", "Challenges that count, by outcome", ["result"]);
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  /** The exposition text. */
  async text(): Promise<string> {
    return await this.registry.metrics();
  }

  /** A round's measurements and what they took; `slashed` miners get no weight. */
  measured(measurements: readonly Measurement[], milliseconds: number, slashed: number): void {
    this.#measuring.set(milliseconds / 1_000);
    const answering = measurements.filter(({ latencyMs }) => latencyMs !== null).length;
    this.#miners.set({ state: "answering" }, answering);
    this.#miners.set({ state: "silent" }, measurements.length - answering);
    this.#miners.set({ state: "slashed" }, slashed);
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
