import fc from "fast-check";
import { expect, test } from "vitest";
import { quorumNeed } from "../../../src/relay/gateway/quorum.ts";

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
