import { deepEqual, equal, throws } from "node:assert/strict";
import { z } from "zod";
import { fromHex, toHex } from "../../src/crypto/hex.ts";
import { combineShares, type Share, splitSecret } from "../../src/crypto/shamir.ts";
import { checker, type VectorCase } from "./checker.ts";

const wireShare = z.object({ index: z.int(), share_hex: z.string(), threshold: z.int(), total: z.int() });
const splitCase = z.object({
  secret_hex: z.string(),
  threshold: z.int(),
  total: z.int(),
  coefficients_per_byte_low_to_high: z.array(z.array(z.int())),
  shares: z.array(wireShare),
  reconstruct_subsets_of_indices: z.array(z.array(z.int())),
});
const negativeCase = z.object({ shares: z.array(wireShare), error: z.literal(true) });

/** spec 10.5: the recorded coefficients give the recorded shares, and every recorded subset the secret. */
export const shamir = checker(
  (vector, list) => (list === "negative" ? refuse(vector) : splitAndCombine(vector)),
  ["cases", "negative"],
);

function splitAndCombine(vector: VectorCase): void {
  const { secret_hex, threshold, total, shares, ...recorded } = splitCase.parse(vector);
  const coefficients = recorded.coefficients_per_byte_low_to_high;
  let degree = 0;
  const made = splitSecret(bytesOf(secret_hex), { threshold, total }, (length) => {
    degree += 1;
    return Uint8Array.from({ length }, (_, byte) => coefficients[byte]?.[degree] ?? 0);
  });
  deepEqual(
    made.map(({ index, bytes }) => [index, toHex(bytes)]),
    shares.map(({ index, share_hex }) => [index, share_hex]),
  );
  for (const indices of recorded.reconstruct_subsets_of_indices) {
    const subset = indices.flatMap((index) => shares.filter((share) => share.index === index)).map(shareOf);
    equal(toHex(combineShares(subset, threshold)), secret_hex);
  }
}

function refuse(vector: VectorCase): void {
  const { shares } = negativeCase.parse(vector);
  throws(() => combineShares(shares.map(shareOf), shares[0]?.threshold ?? 2), { code: "SHARES_UNUSABLE" });
}

function shareOf({ index, share_hex }: z.output<typeof wireShare>): Share {
  return { index, bytes: bytesOf(share_hex) };
}

function bytesOf(hex: string): Uint8Array {
  const bytes = fromHex(hex);
  if (bytes === undefined) throw new Error("the case holds no hex");
  return bytes;
}
