import { EngramError } from "../../../crypto/errors.ts";

/**
 * The scan's dot product: four running sums in double precision, over the elements of rank 0, 1, 2, 3 modulo four. Products
 * of two floats are exact in a double, so the order of additions alone decides the bits, and the kernel's is the same.
 */
export function dot(a: Float32Array, aStart: number, b: Float32Array, bStart: number, length: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let i = 0;
  for (; i + 3 < length; i += 4) {
    s0 += (a[aStart + i] as number) * (b[bStart + i] as number);
    s1 += (a[aStart + i + 1] as number) * (b[bStart + i + 1] as number);
    s2 += (a[aStart + i + 2] as number) * (b[bStart + i + 2] as number);
    s3 += (a[aStart + i + 3] as number) * (b[bStart + i + 3] as number);
  }
  if (i < length) s0 += (a[aStart + i] as number) * (b[bStart + i] as number);
  if (i + 1 < length) s1 += (a[aStart + i + 1] as number) * (b[bStart + i + 1] as number);
  if (i + 2 < length) s2 += (a[aStart + i + 2] as number) * (b[bStart + i + 2] as number);
  return s0 + s1 + (s2 + s3);
}

/** The score of a dot product: a cosine, rounded before rows are compared, so that what shows as equal is ordered by row. */
export function cosineOf(product: number, rowInverse: number, queryInverse: number): number {
  return Math.fround(Math.max(-1, Math.min(1, product * rowInverse * queryInverse)));
}

/** 1 / ‖vector‖ of a vector to hold. Errors: `SCAN_DIMENSION`, `SCAN_VECTOR`. */
export function inverseOfRow(vector: Float32Array, dim: number): number {
  const norm = normOf(vector, dim);
  if (norm > 0 && norm < Number.POSITIVE_INFINITY) return 1 / norm;
  throw new EngramError("SCAN_VECTOR", "a vector without direction cannot be searched");
}

/** 1 / ‖query‖. Errors: `SCAN_DIMENSION`, `SCAN_VECTOR`. */
export function inverseOfQuery(query: Float32Array, dim: number): number {
  const norm = normOf(query, dim);
  if (norm > 0 && norm < Number.POSITIVE_INFINITY) return 1 / norm;
  throw new EngramError("SCAN_VECTOR", "a query without direction matches nothing", {
    fix: "send a vector of finite numbers that are not all zero",
  });
}

function normOf(vector: Float32Array, dim: number): number {
  if (vector.length === dim) return Math.sqrt(dot(vector, 0, vector, 0, dim));
  throw new EngramError("SCAN_DIMENSION", `this index holds vectors of ${dim} numbers, got ${vector.length}`, {
    fix: `send a vector of ${dim} numbers`,
  });
}
