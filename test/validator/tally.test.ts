import { expect, test } from "vitest";
import { agree, type MeasuredScores, tally, type Voice } from "../../src/node/validator/consensus/tally.ts";

type Row = readonly [recall: number, latencyMs: number | null, proofRate: number];

function scoresOf(rows: readonly Row[], challenged = 10): MeasuredScores {
  return {
    scores: new Map(rows.map(([recall, latencyMs, proofRate], uid) => [uid, { recall, latencyMs, proofRate }])),
    challenges: new Map(rows.map((_, uid) => [uid, challenged])),
  };
}
const voice = (rows: readonly Row[], timestampMs = 1_000): Voice => ({ ...scoresOf(rows), timestampMs });
const all = (count: number, row: Row): Row[] => Array.from({ length: count }, () => row);
const good: Row = [1, 50, 1];

test("recall, latency and proof rate are the median of all that agree, uid by uid", () => {
  const own = scoresOf([good, [0.5, 200, 0.8]]);
  const [near, far] = [voice([good, [0.4, 120, 0.9]]), voice([good, [0.6, null, 0.7]])];
  const { agreeing, scores } = tally(own, [near, far], 0);
  expect(agreeing).toBe(2);
  expect(scores.get(1)).toEqual({ recall: 0.5, latencyMs: 200, proofRate: 0.8 });
  // With two of three the one that saw no answer is outvoted, and so is a liar about latency.
  const liar = voice([
    [1, 0, 1],
    [0.5, 0, 0.8],
  ]);
  expect(tally(own, [near, liar], 0).scores.get(1)).toEqual({ recall: 0.5, latencyMs: 120, proofRate: 0.8 });
});

test("of two voices that are far apart about a miner one's own counts, or their mean", () => {
  const rows = all(20, good);
  const favoured = rows.with(7, [0, 400, 0]);
  const { agreeing, scores } = tally(scoresOf(favoured), [voice(rows)], 0);
  expect(agreeing).toBe(1);
  expect(scores.get(7)).toEqual({ recall: 0, latencyMs: 400, proofRate: 0 });
  const close = tally(scoresOf(rows.with(7, [0.9, 100, 0.9])), [voice(rows)], 0);
  expect(close.scores.get(7)).toEqual({ recall: 0.95, latencyMs: 75, proofRate: 0.95 });
});

test("who differs about more than one miner in ten does not agree, however near the whole is", () => {
  const rows = all(40, good);
  const four = rows.map((row, uid): Row => (uid < 4 ? [0.5, 50, 1] : row));
  const five = rows.map((row, uid): Row => (uid < 5 ? [0.5, 50, 1] : row));
  expect(agree(scoresOf(rows), scoresOf(four))).toBe(true);
  expect(agree(scoresOf(rows), scoresOf(five))).toBe(false);
});

test("neither the same direction, nor the same mean, nor recall alone is enough", () => {
  const own = scoresOf(all(4, [0.2, 50, 1]));
  expect(agree(own, scoresOf(all(4, [1, 50, 1])))).toBe(false);
  expect(
    agree(
      scoresOf([
        [0.1, 50, 1],
        [0, 50, 1],
      ]),
      scoresOf([
        [0, 50, 1],
        [0.1, 50, 1],
      ]),
    ),
  ).toBe(false);
  expect(agree(own, scoresOf(all(4, [0.2, 50, 0.5])))).toBe(false);
  // Proof rates that rest on few challenges say nothing yet; latency differs by where one stands.
  expect(agree(own, scoresOf(all(4, [0.2, 50, 0.5]), 4))).toBe(true);
  expect(agree(own, scoresOf(all(4, [0.2, 480, 1])))).toBe(true);
});

test("rounds in which nothing was recalled agree; voices that are too old do not count", () => {
  const none = all(3, [0, null, 0]);
  expect(tally(scoresOf(none), [voice(none)], 999).agreeing).toBe(1);
  expect(tally(scoresOf(none), [voice(none)], 1_000).agreeing).toBe(0);
});
