import { expect, test } from "vitest";
import { hotkeyOf } from "../../src/crypto/ss58.ts";
import { judgeMiners, type KnownMiners, standingsAfter } from "../../src/node/validator/judge-miners.ts";

const hotkey = hotkeyOf(new Uint8Array(32).fill(7));
const heir = hotkeyOf(new Uint8Array(32).fill(8));
const neuron = { uid: 4, hotkey, coldkey: hotkey, endpoint: null, stakeTao: 0, validatorPermit: false, incentive: 0 };
const nobody: KnownMiners = { miners: [], slashes: [] };

function round(known: KnownMiners, block: number, proofs: readonly boolean[], who = neuron) {
  return judgeMiners(known, [who], [{ hotkey: who.hotkey, recall: 1, latencyMs: 50, proofs }], block);
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

test("who takes over a uid inherits nothing of it (V-W11)", () => {
  const slashed = round(nobody, 100, Array(6).fill(false));
  const { scores, slashes } = round(slashed, 150, [true], { ...neuron, hotkey: heir });
  expect(scores.get(4)).toEqual({ recall: 1, latencyMs: 50, proofRate: 1 });
  expect(slashes.some(({ miner }) => miner === heir)).toBe(false);
});
