import { expect, test } from "vitest";
import { hotkeyOf } from "../../src/crypto/ss58.ts";
import { judgeMiners, type KnownMiners, standingsAfter } from "../../src/node/validator/judge-miners.ts";

const hotkey = hotkeyOf(new Uint8Array(32).fill(7));
const heir = hotkeyOf(new Uint8Array(32).fill(8));
const neuron = { uid: 4, hotkey, coldkey: hotkey, endpoint: null, stakeTao: 0, validatorPermit: false, incentive: 0 };
const nobody: KnownMiners = { miners: [], slashes: [] };

function round(known: KnownMiners, block: number, proofs: readonly boolean[], who = neuron) {
  const measured = { hotkey: who.hotkey, recall: 1, latencyMs: 50, proofs, copies: [] };
  return judgeMiners(known, [who], [measured], { block, cooldownBlocks: 7_200 });
}

test("a miner that fails its challenges is slashed with its numbers, and gets no weight", () => {
  const once = round(nobody, 100, [false, false, false]);
  expect(once.slashes).toEqual([]);
  const twice = round(once, 150, [false, false, true]);
  expect(twice.slashes).toEqual([{ miner: hotkey, block: 150, total: 6, passed: 1, active: true }]);
  expect(standingsAfter(twice, [neuron], twice.scores).weights).toEqual(new Map([[4, 0]]));
  expect(standingsAfter(once, [neuron], once.scores).weights).toEqual(new Map([[4, 1]]));
});

test("with its slash over a miner starts anew, and is slashed again only for new failures (V-W11)", () => {
  const slashed = round(nobody, 100, Array(6).fill(false));
  const released = round(slashed, 7_300, [true]);
  expect(released.slashes.map(({ active }) => active)).toEqual([false]);
  expect(released.scores.get(4)).toMatchObject({ proofRate: 1 });
  const again = round(released, 7_350, Array(6).fill(false));
  expect(again.slashes.map(({ active }) => active)).toEqual([false, true]);
});

test("of more than 100 challenges the latest 100 count: failures of long ago end, and so do merits (V-W11)", () => {
  const bad = round(nobody, 100, Array(4).fill(false));
  const good = round(bad, 150, Array(96).fill(true));
  expect(good.scores.get(4)?.proofRate).toBe(0.96);
  expect(good.challenges.get(4)).toBe(100);
  const better = round(good, 200, Array(4).fill(true));
  expect(better.scores.get(4)?.proofRate).toBe(1);
  // An old good name shields nobody for longer than the window.
  const fallen = round(better, 250, Array(51).fill(false));
  expect(fallen.slashes).toEqual([{ miner: hotkey, block: 250, total: 100, passed: 49, active: true }]);
});

test("a slash lasts as long as the operator says, and its miner earns its weight back from nothing", () => {
  const fails = { hotkey, recall: 1, latencyMs: 50, proofs: Array(6).fill(false), copies: [] };
  const works = { ...fails, proofs: Array(5).fill(true) };
  const earned = judgeMiners(nobody, [neuron], [works], { block: 50, cooldownBlocks: 10 });
  const rich = standingsAfter(earned, [neuron], earned.scores);
  const known = { miners: rich.miners, slashes: earned.slashes };
  const slashed = judgeMiners(known, [neuron], [fails], { block: 100, cooldownBlocks: 10 });
  const poor = standingsAfter(slashed, [neuron], slashed.scores);
  expect(poor.miners).toMatchObject([{ average: 0, reputation: rich.miners[0]?.reputation }]);
  const held = judgeMiners({ ...slashed, miners: poor.miners }, [neuron], [works], { block: 109, cooldownBlocks: 10 });
  expect(standingsAfter(held, [neuron], held.scores).weights).toEqual(new Map([[4, 0]]));
  const free = judgeMiners({ ...held, miners: poor.miners }, [neuron], [works], { block: 110, cooldownBlocks: 10 });
  expect(free.scores.get(4)?.proofRate).toBe(1);
  expect(standingsAfter(free, [neuron], free.scores).miners[0]?.average).toBeCloseTo(0.1);
});

test("who takes over a uid inherits nothing of it (V-W11)", () => {
  const slashed = round(nobody, 100, Array(6).fill(false));
  const { scores, slashes } = round(slashed, 150, [true], { ...neuron, hotkey: heir });
  expect(scores.get(4)).toEqual({ recall: 1, latencyMs: 50, proofRate: 1 });
  expect(slashes.some(({ miner }) => miner === heir)).toBe(false);
});
