/** A measured value at a time, in any units. */
export interface Point {
  readonly at: number;
  readonly value: number;
}

export interface Slope {
  readonly perUnit: number;
  /** Half of the 95 % confidence interval. */
  readonly margin: number;
}

/** The least-squares slope of at least three points, and how sure it is. */
export function slopeOf(points: readonly Point[]): Slope {
  const n = points.length;
  const meanAt = points.reduce((sum, { at }) => sum + at, 0) / n;
  const meanValue = points.reduce((sum, { value }) => sum + value, 0) / n;
  const spread = points.reduce((sum, { at }) => sum + (at - meanAt) ** 2, 0);
  const perUnit = points.reduce((sum, { at, value }) => sum + (at - meanAt) * (value - meanValue), 0) / spread;
  const residual = points.reduce((sum, { at, value }) => sum + (value - meanValue - perUnit * (at - meanAt)) ** 2, 0);
  return { perUnit, margin: studentT95(n - 2) * Math.sqrt(residual / (n - 2) / spread) };
}

/** The two-sided 95 % quantile of Student's t, by its expansion about the normal one; within 1 % from 4 degrees on. */
function studentT95(degrees: number): number {
  const z = 1.959964;
  const first = (z ** 3 + z) / 4;
  const second = (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96;
  const third = (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384;
  return z + first / degrees + second / degrees ** 2 + third / degrees ** 3;
}
