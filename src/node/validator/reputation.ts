/** How a miner did over its rounds (spec 7). */
export interface Reputation {
  readonly ema: number;
  readonly recall: number;
  readonly proofRate: number;
  readonly latencyMs: number | null;
  readonly rounds: number;
}

/** One round: the composite score and what it was made of. */
export interface ObservedRound {
  readonly score: number;
  readonly recall: number;
  readonly proofRate: number;
  readonly latencyMs: number | null;
}

const EMA_ALPHA = 0.15;
/** From so many rounds on, a reputation counts in full. */
const FULL_ROUNDS = 50;

/** The reputation after one more round; the means are of all rounds (spec 7). */
export function nextReputation(before: Reputation | null, round: ObservedRound): Reputation {
  const { score, ...parts } = round;
  if (before === null) return { ema: score, ...parts, rounds: 1 };
  const weight = 1 / (before.rounds + 1);
  const mean = (average: number, value: number) => (1 - weight) * average + weight * value;
  return {
    ema: EMA_ALPHA * score + (1 - EMA_ALPHA) * before.ema,
    recall: mean(before.recall, round.recall),
    proofRate: mean(before.proofRate, round.proofRate),
    latencyMs: meanLatency(before.latencyMs, round.latencyMs, mean),
    rounds: before.rounds + 1,
  };
}

function meanLatency(
  before: number | null,
  latencyMs: number | null,
  mean: (average: number, value: number) => number,
): number | null {
  if (latencyMs === null) return before;
  return before === null ? latencyMs : mean(before, latencyMs);
}

/** 0 to 1: a good name that is young counts for less. */
export function reliability({ ema, rounds }: Reputation): number {
  return ema * Math.min(1, rounds / FULL_ROUNDS);
}
