import { EngramError } from "./errors.ts";

/** One evaluation of the secret's polynomials: `index` is x (1..255), `bytes` is as long as the secret (spec 10.5). */
export interface Share {
  readonly index: number;
  readonly bytes: Uint8Array;
}

/**
 * Splits `secret` so that any `threshold` of `total` shares give it back and fewer say nothing (spec 10.5: GF(256)
 * modulo 0x11b, x = 1..n). `coefficients(length)` gives random bytes; it is called once per degree.
 */
export function splitSecret(
  secret: Uint8Array,
  policy: { readonly threshold: number; readonly total: number },
  coefficients: (length: number) => Uint8Array,
): Share[] {
  const { threshold, total } = policy;
  if (secret.length === 0) throw unusable("There is no secret to split.");
  if (
    !(Number.isInteger(threshold) && Number.isInteger(total) && threshold >= 2 && threshold <= total && total <= 255)
  ) {
    throw unusable("A split takes a threshold of at least 2 and at most as many as there are shares, at most 255.");
  }
  const polynomial = [secret, ...Array.from({ length: threshold - 1 }, () => coefficients(secret.length))];
  return Array.from({ length: total }, (_, position) => ({
    index: position + 1,
    bytes: secret.map((_byte, at) => evaluate(polynomial, at, position + 1)),
  }));
}

/**
 * The secret of `threshold` shares. Says nothing about whether they are right: a wrong share gives another secret, so
 * the caller checks the result against what the owner published (M-W26). More shares than the threshold are ignored.
 */
export function combineShares(shares: readonly Share[], threshold: number): Uint8Array {
  const chosen = shares.slice(0, threshold);
  const [first] = chosen;
  if (!first || threshold < 2 || chosen.length < threshold)
    throw unusable("There are fewer shares than the threshold.");
  if (new Set(chosen.map((share) => share.index)).size < chosen.length) throw unusable("Two shares have one index.");
  for (const { index, bytes } of chosen) {
    // At x = 0 a share would be the secret: whoever sends one would choose it (F4).
    if (!(Number.isInteger(index) && index >= 1 && index <= 255)) throw unusable("A share's index is from 1 to 255.");
    if (bytes.length !== first.bytes.length || bytes.length === 0) throw unusable("The shares differ in length.");
  }
  const weights = chosen.map(({ index }) => weightAtZero(index, chosen));
  return first.bytes.map((_byte, at) =>
    chosen.reduce((sum, share, position) => sum ^ multiply(share.bytes[at] ?? 0, weights[position] ?? 0), 0),
  );
}

function evaluate(polynomial: readonly Uint8Array[], at: number, x: number): number {
  return polynomial.reduceRight((sum, coefficient) => multiply(sum, x) ^ (coefficient[at] ?? 0), 0);
}

/** Lagrange's weight of `index` at x = 0; in this field subtraction is addition. */
function weightAtZero(index: number, shares: readonly Share[]): number {
  return shares.reduce(
    (weight, other) =>
      other.index === index ? weight : multiply(weight, multiply(other.index, inverse(other.index ^ index))),
    1,
  );
}

/** Product modulo 0x11b, without tables: no memory access depends on a secret. */
function multiply(left: number, right: number): number {
  let product = 0;
  let shifted = left;
  for (let bit = 0; bit < 8; bit += 1) {
    product ^= -((right >> bit) & 1) & shifted;
    shifted = (shifted << 1) ^ (-(shifted >> 7) & 0x11b);
  }
  return product & 0xff;
}

/** a^254, the inverse of every element but 0. */
function inverse(value: number): number {
  let result = 1;
  let power = value;
  for (let exponent = 254; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) === 1) result = multiply(result, power);
    power = multiply(power, power);
  }
  return result;
}

function unusable(message: string): EngramError {
  return new EngramError("SHARES_UNUSABLE", message);
}
