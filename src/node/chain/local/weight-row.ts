import { EngramError } from "../../../crypto/errors.ts";

const MAX_WEIGHT = 65_535;

/**
 * Scales weights as the chain keeps them (spec 6: set_weights): the largest becomes 65,535, halves go to the even
 * neighbour, zeros are left out. Throws `CHAIN_WEIGHTS_INVALID`.
 */
export function toWeightRow(weights: readonly (readonly [uid: number, weight: number])[]): readonly [number, number][] {
  if (!weights.every(([uid]) => Number.isSafeInteger(uid) && uid >= 0)) throw invalid("names what is no uid");
  if (new Set(weights.map(([uid]) => uid)).size < weights.length) throw invalid("names a uid twice");
  if (!weights.every(([, weight]) => Number.isFinite(weight) && weight >= 0)) {
    throw invalid("holds a weight that is negative or no number");
  }
  const largest = weights.reduce((most, [, weight]) => Math.max(most, weight), 0);
  if (largest === 0) throw invalid("gives nobody weight");
  return weights
    .map(([uid, weight]): [number, number] => [uid, roundHalfEven((weight / largest) * MAX_WEIGHT)])
    .filter(([, weight]) => weight > 0)
    .sort(([one], [other]) => one - other);
}

/** `value` is not negative. */
function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest === 0.5) return below % 2 === 0 ? below : below + 1;
  return rest < 0.5 ? below : below + 1;
}

/** What is wrong completes "the row …". */
export function invalid(what: string): EngramError {
  return new EngramError("CHAIN_WEIGHTS_INVALID", `the row of weights ${what}`, {
    fix: "give numbers from 0, at least one above 0, each for a uid that is registered",
  });
}
