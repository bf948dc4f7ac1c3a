import { join } from "node:path";
import { FlatIndex } from "../../src/node/vectors/scan/flat-index.ts";
import { type Kernel, loadKernel } from "../../src/node/vectors/scan/kernel.ts";
import { KernelIndex } from "../../src/node/vectors/scan/kernel-index.ts";
import type { VectorIndex } from "../../src/node/vectors/scan/vector-index.ts";
import { quantile, type Result, result } from "../report.ts";
import { memoryPass } from "../scan/memory-pass.ts";
import { readsWhileWriting } from "../scan/reads-while-writing.ts";
import { sqliteVecScan } from "../scan/sqlite-vec-scan.ts";
import { topicalVectors } from "../scan/topical-vectors.ts";
import { withTemporaryFolder } from "../temporary-folder.ts";

const DIM = 384;
const ROWS = 100_000;
const MILLION = 1_000_000;
const BEST = 10;
const QUERIES = 60;
const ROUNDS = 30;
const SLOW_ROUNDS = 5;
const FILTERED = 100;

/** The scan at 100,000 vectors of 384 numbers, in this thread: by the kernel, plainly, and by sqlite-vec. */
export async function scan(rows = ROWS): Promise<readonly Result[]> {
  return withTemporaryFolder((folder) => scanIn(folder, rows));
}

async function scanIn(folder: string, rows: number): Promise<readonly Result[]> {
  const vectors = topicalVectors(rows, DIM);
  const queries = topicalVectors(QUERIES, DIM, 7);
  const query = (i: number) => queries.subarray((i % QUERIES) * DIM, ((i % QUERIES) + 1) * DIM);
  const { index: floats, memories } = kernelIndex(vectors, Number.POSITIVE_INFINITY);
  const { index: codes } = kernelIndex(vectors);
  const plain = filled(new FlatIndex(DIM), vectors);
  using inFile = sqliteVecScan(join(folder, "vec.db"), vectors, DIM);
  using inMemory = sqliteVecScan(":memory:", vectors, DIM);
  const pass = await memoryPass(memories, DIM, rows);
  const allowed = Float64Array.from({ length: rows / FILTERED }, (_, i) => i * FILTERED + 7);
  const four = (i: number) => Array.from({ length: 4 }, (_, k) => ({ query: query(i * 4 + k), limit: BEST }));

  // In turns, so that what else the machine does meets all of them.
  const times = { pass: [], floats: [], codes: [], four: [], scores: [] } satisfies Record<string, number[]>;
  const slow = { plain: [], inFile: [], inMemory: [] } satisfies Record<string, number[]>;
  for (let i = -2; i < ROUNDS; i++) {
    timed(times.pass, i, pass);
    timed(times.floats, i, () => floats.top(query(i + 2), BEST));
    timed(times.codes, i, () => codes.top(query(i + 2), BEST));
    timed(times.four, i, () => codes.topOfEach(four(i + 2)));
    timed(times.scores, i, () => codes.scores(query(i + 2)));
    if (i >= SLOW_ROUNDS) continue;
    timed(slow.plain, i, () => plain.top(query(i + 2), BEST));
    timed(slow.inFile, i, () => inFile.top(query(i + 2), BEST));
    timed(slow.inMemory, i, () => inMemory.top(query(i + 2), BEST));
  }
  const p50 = (samples: readonly number[]) => quantile(samples, 0.5);
  const [floatTime, codeTime, passTime] = [p50(times.floats), p50(times.codes), p50(times.pass)];
  const rate = (milliseconds: number) => 1_000 / milliseconds;
  const vecs = [
    { name: "sqlite-vec, in a file", value: rate(p50(slow.inFile)) },
    { name: "sqlite-vec, in memory", value: rate(p50(slow.inMemory)) },
  ];
  const shown = `${rows}×${DIM}`;
  return [
    result(`float scan ${shown}, share of the memory's speed`, "passes/s", rate(floatTime), {
      name: "v128 loads over the same memory",
      value: rate(passTime),
    }),
    ...vecs.map((vec) => result(`float scan ${shown}`, "1/s", rate(floatTime), vec)),
    ...vecs.map((vec) => result(`scan by codes ${shown}`, "1/s", rate(codeTime), vec)),
    result(`scan by codes ${shown}, beside floats`, "1/s", rate(codeTime), {
      name: "float scan",
      value: rate(floatTime),
    }),
    result(`scan by codes ${shown}, beside the plain scan`, "1/s", rate(codeTime), {
      name: "plain scan",
      value: rate(p50(slow.plain)),
    }),
    result(`four questions in one pass ${shown}, each`, "1/s", 4 * rate(p50(times.four)), {
      name: "one by one",
      value: rate(codeTime),
    }),
    result(`all scores ${shown}`, "1/s", rate(p50(times.scores)), { name: "float scan", value: rate(floatTime) }),
    result(`recall@${BEST} of the scan by codes`, "share", recall(codes, plain, query), {
      name: "plain scan",
      value: 1,
    }),
    result(
      "filter that 1 % pass, CPU",
      "ms",
      cpuOf((i) => codes.top(query(i), BEST, allowed)),
      {
        name: "plain scan of the same rows",
        value: cpuOf((i) => plain.top(query(i), BEST, allowed)),
      },
    ),
    ...(await readsWhileWriting(vectors, DIM)),
  ];
}

/** A million vectors: the time of a question and the memory. Asked for by name alone. */
export async function scanMillion(rows = MILLION): Promise<readonly Result[]> {
  const before = process.memoryUsage.rss();
  const kernel = loadKernel() as Kernel;
  const index = new KernelIndex({ dim: DIM }, kernel);
  const block = 10_000;
  for (let first = 0; first < rows; first += block) {
    const vectors = topicalVectors(block, DIM, first + 1);
    for (let i = 0; i < block; i++) index.add(first + i, vectors.subarray(i * DIM, (i + 1) * DIM));
  }
  const queries = topicalVectors(QUERIES, DIM, 7);
  const query = (i: number) => queries.subarray((i % QUERIES) * DIM, ((i % QUERIES) + 1) * DIM);
  const coding: number[] = [];
  timed(coding, 0, () => index.top(query(0), BEST));
  const times: number[] = [];
  const scores: number[] = [];
  for (let i = 0; i < ROUNDS; i++) timed(times, i, () => index.top(query(i), BEST));
  for (let i = 0; i < SLOW_ROUNDS; i++) timed(scores, i, () => index.scores(query(i)));
  const shown = `${rows}×${DIM}`;
  const memory = process.memoryUsage.rss() - before;
  const all = { name: "all scores, exactly", value: quantile(scores, 0.5) };
  return [
    result(`scan by codes ${shown}, p50`, "ms", quantile(times, 0.5), all),
    result(`scan by codes ${shown}, first, with making the codes`, "ms", coding[0] ?? Number.NaN, all),
    result(`memory of ${shown}`, "MB", memory / 2 ** 20, {
      name: "the vectors alone",
      value: (rows * DIM * 4) / 2 ** 20,
    }),
  ];
}

function kernelIndex(vectors: Float32Array, codedFrom?: number) {
  const load = loadKernel();
  if (typeof load !== "function") throw new Error(`the kernel does not run here: ${load.missing}`);
  const memories: WebAssembly.Memory[] = [];
  const kernel: Kernel = (first, most) => {
    const instance = load(first, most);
    memories.push(instance.memory);
    return instance;
  };
  const options = codedFrom === undefined ? { dim: DIM } : { dim: DIM, codedFrom };
  return { index: filled(new KernelIndex(options, kernel), vectors), memories };
}

function filled<I extends VectorIndex>(index: I, vectors: Float32Array): I {
  for (let row = 0; row * DIM < vectors.length; row++) index.add(row, vectors.subarray(row * DIM, (row + 1) * DIM));
  return index;
}

/** Rounds below 0 warm up. */
function timed(times: number[], round: number, act: () => unknown): void {
  const began = performance.now();
  act();
  if (round >= 0) times.push(performance.now() - began);
}

function cpuOf(act: (i: number) => unknown): number {
  const rounds = 200;
  for (let i = 0; i < rounds; i++) act(i);
  const before = process.cpuUsage();
  for (let i = 0; i < rounds; i++) act(i);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000 / rounds;
}

function recall(index: VectorIndex, truth: VectorIndex, query: (i: number) => Float32Array): number {
  let found = 0;
  for (let i = 0; i < QUERIES; i++) {
    const wanted = new Set(truth.top(query(i), BEST).rows);
    found += index.top(query(i), BEST).rows.filter((row) => wanted.has(row)).length;
  }
  return found / (QUERIES * BEST);
}
