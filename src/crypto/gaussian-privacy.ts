/** What a release of vectors with Gaussian noise comes to. */
export interface GaussianRelease {
  /** Standard deviation of the noise of one component. */
  readonly sigma: number;
  /** How far two inputs may lie apart: 2 between unit vectors. */
  readonly sensitivity: number;
  /** How often one input is released, each time with noise of its own; default 1. */
  readonly releases?: number;
}

/**
 * The least delta for which a release is (epsilon, delta)-differentially private: the analytic Gaussian mechanism, exact
 * and not a bound (Balle and Wang 2018, theorem 8). `releases` releases are one with sigma / sqrt(releases).
 */
export function gaussianDelta(epsilon: number, release: GaussianRelease): number {
  const ratio = ratioOf(release);
  const first = Math.exp(logNormalCdf(ratio / 2 - epsilon / ratio));
  const second = Math.exp(epsilon + logNormalCdf(-ratio / 2 - epsilon / ratio));
  return Math.max(first - second, 0);
}

/** The epsilon that a release has at `delta`; found by halving, to 9 digits. */
export function gaussianEpsilon(delta: number, release: GaussianRelease): number {
  if (!(delta > 0 && delta < 1)) throw new RangeError("delta lies between 0 and 1");
  let high = 1;
  while (gaussianDelta(high, release) > delta) high *= 2;
  let low = 0;
  for (let step = 0; step < 200 && high - low > high * 1e-10; step += 1) {
    const middle = (low + high) / 2;
    if (gaussianDelta(middle, release) > delta) low = middle;
    else high = middle;
  }
  return high;
}

/** The sigma that makes one release (epsilon, delta)-differentially private. */
export function gaussianSigma(epsilon: number, delta: number, sensitivity: number): number {
  let [low, high] = [0, 1];
  while (gaussianDelta(epsilon, { sigma: high, sensitivity }) > delta) high *= 2;
  for (let step = 0; step < 200 && high - low > high * 1e-10; step += 1) {
    const middle = (low + high) / 2;
    if (gaussianDelta(epsilon, { sigma: middle, sensitivity }) > delta) low = middle;
    else high = middle;
  }
  return high;
}

function ratioOf({ sigma, sensitivity, releases = 1 }: GaussianRelease): number {
  return (sensitivity * Math.sqrt(releases)) / sigma;
}

/** The logarithm, because the tails needed here are far below the smallest double. */
function logNormalCdf(x: number): number {
  if (x < -3) return logDensity(x) - Math.log(inverseMills(-x));
  if (x > 3) return Math.log1p(-Math.exp(logNormalCdf(-x)));
  let term = x;
  let sum = x;
  for (let odd = 3; odd < 200; odd += 2) {
    term *= (x * x) / odd;
    sum += term;
  }
  return Math.log(0.5 + Math.exp(logDensity(x)) * sum);
}

function logDensity(x: number): number {
  return (-x * x) / 2 - Math.log(2 * Math.PI) / 2;
}

/** t + 1/(t + 2/(t + 3/(…))), which is the density over the tail beyond t; for t > 3 far more terms than it takes. */
function inverseMills(t: number): number {
  let value = t;
  for (let step = 200; step >= 1; step -= 1) value = t + step / value;
  return value;
}
