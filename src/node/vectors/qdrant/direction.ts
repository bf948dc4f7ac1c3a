/**
 * The vector's direction, in numbers that a float32 index can square and add: what is stored may be as large or as small
 * as a float32 can be.
 */
export function directionOf(vector: Float32Array): number[] {
  let sum = 0;
  for (const component of vector) sum += component * component;
  const norm = Math.sqrt(sum);
  return Array.from(vector, (component) => Math.fround(component / norm));
}
