import type { MinerScore } from "../../node/ports.ts";
import type { KeptRound } from "../../node/validator/store/validator-rows.ts";
import type { KeptSubmission } from "../../node/validator/store/weights-operations.ts";
import type { Line } from "./plot.ts";

/** Lines that can be told apart. */
const MAX_LINES = 6;

interface OverRounds {
  readonly rounds: readonly number[];
  readonly lines: readonly Line[];
  /** Miners that have no line for want of colours. */
  readonly more: number;
}

/** The recall of each miner over the rounds a validator settled: agreed where a quorum was, else its own. */
export function recallOverRounds(rounds: readonly KeptRound[]): OverRounds {
  return overRounds(
    rounds.map(({ roundId, agreed, measured }) => {
      const scores = [...(agreed ?? measured)];
      return { roundId, values: new Map(scores.map(([uid, score]) => [uid, score.recall])) };
    }),
  );
}

/** The share of each miner in the rows that a validator set, oldest first; those that were lost are left out. */
export function weightsOverRounds(submissions: readonly KeptSubmission[]): OverRounds {
  const counted = submissions.filter(({ state }) => state !== "lost").toReversed();
  return overRounds(counted.map(({ roundId, submission }) => ({ roundId, values: sharesOf(submission.row) })));
}

/** Of each uid in a row of weights, 0 to 1. */
export function sharesOf(row: ReadonlyMap<number, number>): ReadonlyMap<number, number> {
  const sum = [...row.values()].reduce((total, weight) => total + weight, 0);
  return new Map([...row].map(([uid, weight]) => [uid, sum === 0 ? 0 : weight / sum]));
}

/** The scores of the newest round, by uid. */
export function newestScores(rounds: readonly KeptRound[]): ReadonlyMap<number, MinerScore> {
  const newest = rounds.at(-1);
  return newest?.agreed ?? newest?.measured ?? new Map();
}

function overRounds(
  points: readonly { readonly roundId: number; readonly values: ReadonlyMap<number, number> }[],
): OverRounds {
  const uids = [...new Set(points.flatMap(({ values }) => [...values.keys()]))].sort((one, other) => one - other);
  const lines = uids.slice(0, MAX_LINES).map((uid) => ({
    name: `uid ${uid}`,
    values: points.map(({ values }) => values.get(uid) ?? null),
  }));
  return { rounds: points.map(({ roundId }) => roundId), lines, more: Math.max(0, uids.length - MAX_LINES) };
}
