import { dot } from "./dot.ts";
import type { Kernel, KernelInstance } from "./kernel.ts";

const DIM = 64;
const ROWS = 8;
const VECTORS = 4_096;
const CODES = VECTORS + ROWS * DIM * 4;
const INVERSES = CODES + ROWS * DIM;
const QUERY = INVERSES + ROWS * 8;
const LIST = QUERY + DIM * 8;
const OUT = LIST + ROWS * 4;
const ORDER = [3, 0, 5, 1, 1, 4, 7, 6];

/** Runs every function of the kernel on known numbers; the name of the first that is wrong. */
export function kernelFault(kernel: Kernel): string | undefined {
  const instance = kernel(65_536, 65_536);
  const { buffer } = instance.memory;
  const vectors = new Float32Array(buffer, VECTORS, ROWS * DIM).map((_, i) => Math.fround(Math.sin(i * 0.7)));
  new Float32Array(buffer, VECTORS, ROWS * DIM).set(vectors);
  const query = Float32Array.from({ length: DIM }, (_, i) => Math.cos(i * 1.3));
  const exact = Array.from({ length: ROWS }, (_, row) => dot(vectors, row * DIM, query, 0, DIM));
  new Int32Array(buffer, LIST, ROWS).set(ORDER.map((row) => VECTORS + row * DIM * 4));

  new Float32Array(buffer, QUERY, DIM).set(query);
  if (!answers(instance, "floats", exact, new Float32Array(buffer, OUT, ROWS), 1e-5)) return "floats";
  new Float64Array(buffer, QUERY, DIM).set(query);
  if (!answers(instance, "doubles", exact, new Float64Array(buffer, OUT, ROWS), 0)) return "doubles";
  if (!quantises(instance, vectors)) return "quantise";
  return codesFault(instance, query);
}

function answers(
  { functions }: KernelInstance,
  name: "floats" | "doubles",
  expected: readonly number[],
  out: Float32Array | Float64Array,
  tolerance: number,
): boolean {
  const agree = (row: number, place: number) => !(Math.abs((out[place] as number) - (expected[row] ?? 0)) > tolerance);
  out.fill(Number.NaN);
  functions[name](0, VECTORS, ROWS, DIM * 4, QUERY, OUT);
  if (!out.every((product, row) => Number.isFinite(product) && agree(row, row))) return false;
  functions[name](LIST, 0, ROWS, DIM * 4, QUERY, OUT);
  return ORDER.every(agree);
}

function quantises({ functions, memory }: KernelInstance, vectors: Float32Array): boolean {
  const inverses = new Float64Array(memory.buffer, INVERSES, ROWS);
  for (let row = 0; row < ROWS; row++) inverses[row] = 1 / Math.sqrt(dot(vectors, row * DIM, vectors, row * DIM, DIM));
  functions.quantise(VECTORS, ROWS, DIM * 4, INVERSES, CODES, OUT);
  const facts = new DataView(memory.buffer, OUT);
  return inverses.every((inverse, row) => {
    const vector = vectors.subarray(row * DIM, (row + 1) * DIM);
    const codes = new Int8Array(memory.buffer, CODES + row * DIM, DIM);
    const scale = Math.max(...vector.map(Math.abs)) / 127;
    const errors = vector.map((x, i) => x - scale * (codes[i] as number));
    const error = Math.sqrt(dot(errors, 0, errors, 0, DIM));
    return (
      errors.every((one) => Math.abs(one) < scale * 0.501) &&
      Math.abs(facts.getFloat32(row * 16, true) / (scale * inverse) - 1) < 1e-5 &&
      Math.abs(facts.getFloat32(row * 16 + 4, true) / (error * inverse) - 1) < 1e-3 &&
      facts.getInt32(row * 16 + 8, true) === codes.reduce((sum, code) => sum + code, 0)
    );
  });
}

/** The codes at their limits as well: there a sum that saturates would show. */
function codesFault({ functions, memory }: KernelInstance, query: Float32Array): string | undefined {
  const codes = new Int8Array(memory.buffer, CODES, ROWS * DIM);
  codes.fill(127, 0, DIM).fill(-127, DIM, 2 * DIM);
  const four = [
    query.map((x) => Math.round(x * 63) + 64),
    query.map(() => 127),
    query.map(() => 1),
    query.map(() => 64),
  ];
  const product = (row: number, part: Float32Array) =>
    part.reduce((sum, x, i) => sum + x * (codes[row * DIM + i] as number), 0);
  const out = new Int32Array(memory.buffer, OUT, ROWS * 4);
  const bytes = new Uint8Array(memory.buffer, QUERY, DIM * 4);
  for (const part of four) {
    bytes.set(part);
    functions.codes(0, CODES, ROWS, DIM, QUERY, OUT);
    if (!out.subarray(0, ROWS).every((sum, row) => sum === product(row, part))) return "codes";
  }
  for (let i = 0; i < bytes.length; i++) bytes[i] = four[(i >> 4) & 3]?.[(i >> 6) * 16 + (i & 15)] as number;
  functions.codesOfFour(0, CODES, ROWS, DIM, QUERY, OUT);
  const isRight = (sum: number, i: number) => sum === product(i >> 2, four[i & 3] as Float32Array);
  return out.every(isRight) ? undefined : "codesOfFour";
}
