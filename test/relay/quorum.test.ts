import fc from "fast-check";
import { expect, test } from "vitest";
import { hotkeyOf } from "../../src/crypto/ss58.ts";
import { countVotes, isQuorum, type PermittedSet, quorumNeed } from "../../src/relay/quorum.ts";

test("two thirds and one, and never one alone", () => {
  expect([0, 1, 2, 3, 4, 6, 7, 64].map(quorumNeed)).toEqual([2, 2, 2, 3, 3, 5, 5, 43]);
});

test("two quorums of one round share an honest validator where fewer than a third lie", () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 4_096 }), (voters) => {
      const liars = Math.ceil(voters / 3) - 1;
      expect(2 * quorumNeed(voters) - voters).toBeGreaterThan(liars);
    }),
  );
});

const key = (byte: number) => hotkeyOf(new Uint8Array(32).fill(byte));

/** Validators by owner and stake. */
function setOf(...validators: readonly (readonly [owner: number, stake: number])[]): PermittedSet {
  return {
    block: 7,
    hash: "0x",
    validators: validators.map(([owner, stakeTao], uid) => ({
      hotkey: key(uid + 1),
      coldkey: key(100 + owner),
      uid,
      stakeTao,
    })),
  };
}

test("votes without more than half of the stake are no quorum, nor is the stake without the votes", () => {
  const rich = setOf([1, 300], [2, 100], [3, 100], [4, 100]);
  const poor = countVotes(rich, [key(2), key(3), key(4)]);
  expect(poor).toEqual({ have: 3, need: 3, stake_ppm: 500_000 });
  expect(isQuorum(poor)).toBe(false);
  expect(isQuorum(countVotes(rich, [key(1), key(2), key(3)]))).toBe(true);
  expect(isQuorum(countVotes(setOf([1, 900], [2, 1], [3, 1], [4, 1]), [key(1), key(2)]))).toBe(false);
});

test("keys of one owner are one vote, on either side of the count, and strangers none", () => {
  const twins = setOf([1, 100], [1, 100], [2, 100], [3, 100]);
  const signed = [key(1), key(2), key(2), key(3), key(9)];
  expect(countVotes(twins, signed)).toEqual({ have: 2, need: 3, stake_ppm: 750_000 });
  expect(countVotes(setOf(), signed)).toEqual({ have: 0, need: 2, stake_ppm: 0 });
});
