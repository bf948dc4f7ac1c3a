import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { assignNodes, assignWeighted, stakeWeight } from "../../src/crypto/xor-placement.ts";

const nodesOf = (stakes: readonly number[]) =>
  stakes.map((stakeTao, uid) => ({ uid, hotkey: `hotkey-${uid}`, stakeTao }));
const nodes = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { maxLength: 40 }).map(nodesOf);

test.prop([fc.string(), nodes])("every node finds the same holders, whatever order it knows them in", (cid, known) => {
  const turned = [...known].reverse();
  const chosen = assignWeighted(cid, known, 3, stakeWeight(known));
  expect(assignWeighted(cid, turned, 3, stakeWeight(turned))).toEqual(chosen);
  expect(chosen).toHaveLength(Math.min(3, known.length));
  const candidates = assignNodes(cid, known, 9);
  for (const node of chosen) expect(candidates).toContain(node);
});

test.prop([fc.string(), fc.nat(40), fc.double({ min: 0, max: 1e6, noNaN: true })])(
  "equal stakes leave the nearest where they are",
  (cid, count, stake) => {
    const known = nodesOf(Array.from({ length: count }, () => stake));
    expect(assignWeighted(cid, known, 3, stakeWeight(known))).toEqual(assignNodes(cid, known, 3));
  },
);

test("stake decides among the nine nearest, and never for one further away", () => {
  const known = nodesOf(Array.from({ length: 60 }, () => 0));
  const order = assignNodes("v1::x", known, 60);
  const rich = (place: number) => known.map((node) => (node === order[place] ? { ...node, stakeTao: 1e5 } : node));
  const chosen = (place: number) => {
    const staked = rich(place);
    return assignWeighted("v1::x", staked, 3, stakeWeight(staked)).map(({ uid }) => uid);
  };
  expect(chosen(5)).toContain(order[5]?.uid);
  expect(chosen(9)).not.toContain(order[9]?.uid);
});

test("a block's emission moves nothing", () => {
  const before = stakeWeight(nodesOf([0, 10, 100, 1_000]));
  const after = stakeWeight(nodesOf([0, 10.4, 104, 1_009]));
  for (const [old, grown] of [
    [0, 0],
    [10, 10.4],
    [100, 104],
    [1_000, 1_009],
  ] as const) {
    expect(after({ stakeTao: grown })).toBe(before({ stakeTao: old }));
  }
});
