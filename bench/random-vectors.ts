/** The `index`-th of any number of unit vectors, the same in every run, rounded as JSON texts carry them. */
export function unitVector(index: number, dim: number): readonly number[] {
  let state = (index + 1) * 0x9e3779b1;
  const next = () => {
    // xorshift32: the quality of the numbers does not matter here, only that they differ.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state / 2 ** 31;
  };
  const values = Array.from({ length: dim }, next);
  const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return values.map((value) => Number((value / norm).toFixed(6)));
}
