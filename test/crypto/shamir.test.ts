import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { combine, split as splitByOracle } from "shamir-secret-sharing";
import { expect, test } from "vitest";
import { combineShares, splitSecret } from "../../src/crypto/shamir.ts";

const policy = fc
  .tuple(fc.integer({ min: 2, max: 20 }), fc.integer({ min: 0, max: 10 }))
  .map(([threshold, more]) => ({ threshold, total: threshold + more }));
const secret = fc.uint8Array({ minLength: 1, maxLength: 64 });

test("any threshold of shares, in any order, give the secret back", () => {
  fc.assert(
    fc.property(secret, policy, fc.infiniteStream(fc.nat()), (bytes, split, order) => {
      const shares = splitSecret(bytes, split, randomBytes);
      const shuffled = shares
        .map((share) => ({ share, key: order.next().value ?? 0 }))
        .sort((a, b) => a.key - b.key)
        .map(({ share }) => share);
      expect(Buffer.from(combineShares(shuffled, split.threshold))).toEqual(Buffer.from(bytes));
    }),
    { numRuns: 100 },
  );
});

test("one changed byte of one used share changes the secret", () => {
  fc.assert(
    fc.property(secret, policy, fc.nat(), fc.integer({ min: 1, max: 255 }), (bytes, split, at, flip) => {
      const shares = splitSecret(bytes, split, randomBytes).slice(0, split.threshold);
      const bad = shares[at % shares.length];
      const place = at % bytes.length;
      bad?.bytes.set([(bad.bytes[place] ?? 0) ^ flip], place);
      expect(Buffer.from(combineShares(shares, split.threshold))).not.toEqual(Buffer.from(bytes));
    }),
    { numRuns: 50 },
  );
});

test("one share fewer than the threshold fits every secret", () => {
  // For each candidate byte there is a share that completes the two others to it: they say nothing about the secret.
  const [one, two] = splitSecret(Uint8Array.of(7), { threshold: 3, total: 3 }, randomBytes);
  const completions = Array.from({ length: 256 }, (_, byte) =>
    one && two ? combineShares([one, two, { index: 3, bytes: Uint8Array.of(byte) }], 3)[0] : undefined,
  );
  expect(new Set(completions).size).toBe(256);
});

test.each([0, -1, 256, 1.5, Number.NaN])("a share of index %s is refused", (index) => {
  const good = { index: 1, bytes: Uint8Array.of(1) };
  expect(() => combineShares([good, { index, bytes: Uint8Array.of(1) }], 2)).toThrow(/index/);
});

test.each([
  [1, 3],
  [4, 3],
  [2, 256],
  [2.5, 3],
])("a split of %s of %s is refused", (threshold, total) => {
  expect(() => splitSecret(Uint8Array.of(1), { threshold, total }, randomBytes)).toThrow(/threshold/);
});

test("a threshold of one is refused when combining too: a lying holder would choose the secret", () => {
  expect(() => combineShares([{ index: 1, bytes: Uint8Array.of(1) }], 1)).toThrow(/fewer/);
});

/** The audited library writes x behind the share's bytes. */
test("an audited library recovers our shares, and we recover its", async () => {
  const policies = [
    { threshold: 2, total: 2 },
    { threshold: 3, total: 5 },
    { threshold: 17, total: 40 },
  ];
  for (const policy of policies) {
    const bytes = new Uint8Array(randomBytes(32));
    const ours = splitSecret(bytes, policy, randomBytes).slice(-policy.threshold);
    const recovered = await combine(ours.map((share) => Uint8Array.of(...share.bytes, share.index)));
    expect(Buffer.from(recovered)).toEqual(Buffer.from(bytes));
    const theirs = await splitByOracle(bytes, policy.total, policy.threshold);
    const read = theirs.map((share) => ({ index: share.at(-1) ?? 0, bytes: share.slice(0, -1) }));
    expect(Buffer.from(combineShares(read, policy.threshold))).toEqual(Buffer.from(bytes));
  }
});
