import { fc, test as property } from "@fast-check/vitest";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FlatIndex } from "../../src/node/vectors/scan/flat-index.ts";
import { ScanClient } from "../../src/node/vectors/scan/scan-client.ts";
import { createScanOperations } from "../../src/node/vectors/scan/scan-operations.ts";
import { TopRows } from "../../src/node/vectors/scan/top-rows.ts";
import { sampleVector } from "./sample-records.ts";

const DIM = 5;
const vector = (seed: number): Float32Array => sampleVector(seed, DIM);
const flat = (...seeds: number[]) => Float32Array.from(seeds.flatMap((seed) => [...vector(seed)]));

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, component, i) => sum + component * (y[i] ?? 0), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

function nearest(held: ReadonlyMap<number, number>, query: Float32Array, limit: number): number[] {
  const scored = [...held].map(([row, seed]) => ({ row, score: Math.fround(cosine(vector(seed), query)) }));
  scored.sort((a, b) => (Math.abs(b.score - a.score) > 1e-6 ? b.score - a.score : a.row - b.row));
  return scored.slice(0, limit).map(({ row }) => row);
}

describe("TopRows", () => {
  const offers = fc.array(fc.tuple(fc.nat({ max: 50 }), fc.integer({ min: -3, max: 3 })), { maxLength: 60 });
  property.prop([offers, fc.nat({ max: 20 })])("keeps what sorting would keep", (list, limit) => {
    const best = new TopRows(limit);
    for (const [row, score] of list) if (limit > 0) best.offer(row, score);
    const expected = [...list].sort(([a, x], [b, y]) => y - x || a - b).slice(0, limit);
    expect([...best.sorted().rows]).toEqual(expected.map(([row]) => row));
    expect([...best.sorted().scores]).toEqual(expected.map(([, score]) => score));
  });
});

describe("FlatIndex", () => {
  test("is exact over several chunks, through removals, compaction and re-use", () => {
    const index = new FlatIndex(DIM);
    const held = new Map<number, number>();
    const verify = () => {
      const query = vector(424_242);
      expect(index.size).toBe(held.size);
      expect([...index.top(query, 25).rows]).toEqual(nearest(held, query, 25));
      const { rows, scores } = index.scores(query);
      expect([...rows].sort((a, b) => a - b)).toEqual([...held.keys()].sort((a, b) => a - b));
      rows.forEach((row, i) => {
        if (i % 97 === 0) expect(scores[i]).toBeCloseTo(cosine(vector(held.get(row) ?? -1), query), 5);
      });
    };
    const add = (row: number, seed: number) => {
      index.add(row, vector(seed));
      held.set(row, seed);
    };
    for (let row = 1; row <= 9_000; row++) add(row, row);
    verify();
    const before = index.bytes;
    for (let row = 1; row <= 9_000; row++) {
      if (row % 10 < 7) {
        expect(index.remove(row)).toBe(true);
        held.delete(row);
      }
    }
    verify();
    expect(index.bytes).toBeLessThan(before);
    for (let row = 9_001; row <= 9_500; row++) add(row, row * 3);
    for (let row = 9_001; row <= 9_100; row++) add(row, row * 7);
    verify();
    for (const row of [...held.keys()]) {
      index.remove(row);
      held.delete(row);
    }
    verify();
    add(1, 5);
    verify();
  });

  test("searches allowed rows alone, and skips rows it does not hold", () => {
    const index = new FlatIndex(DIM);
    for (let row = 1; row <= 100; row++) index.add(row, vector(row));
    index.remove(20);
    const allowed = Float64Array.of(10, 20, 30, 999);
    expect([...index.top(vector(30), 9, allowed).rows].sort()).toEqual([10, 30]);
    expect(index.top(vector(30), 9, new Float64Array(0)).rows).toHaveLength(0);
    expect(index.remove(20)).toBe(false);
  });

  test("gives the same score with and without allowed rows, and never more than 1", () => {
    const index = new FlatIndex(DIM);
    for (let row = 1; row <= 200; row++)
      index.add(
        row,
        vector(row).map((x) => x * 1e-20 * row ** 9),
      );
    const all = index.top(vector(7), 200);
    expect(index.top(vector(7), 200, all.rows)).toEqual(all);
    expect(Math.max(...all.scores)).toBe(1);
    expect([...all.scores].every((score) => score >= -1)).toBe(true);
  });

  test("refuses another dimension and vectors without direction", () => {
    const index = new FlatIndex(2);
    expect(() => index.add(1, Float32Array.of(1, 2, 3))).toThrow(/2 numbers/);
    expect(() => index.add(1, Float32Array.of(0, 0))).toThrow(/direction/);
    expect(() => index.add(1, Float32Array.of(1, Number.NaN))).toThrow(/direction/);
    expect(() => index.top(Float32Array.of(0, 0), 1)).toThrow(/direction/);
    expect(index.size).toBe(0);
  });
});

describe("the indexes of one worker", () => {
  const load = (operations: ReturnType<typeof createScanOperations>, key: string, rows: number) => {
    const numbers = Array.from({ length: rows }, (_, i) => i + 1);
    operations.load({ key, rows: Float64Array.from(numbers), vectors: flat(...numbers) });
  };

  test("make room by dropping the one that was used least recently", () => {
    const operations = createScanOperations(20_000);
    for (const key of ["a", "b"]) load(operations, key, 100);
    operations.top({ key: "a", query: vector(1), limit: 1 });
    load(operations, "c", 200);
    expect(operations.size({ key: "b" })).toBeNull();
    expect(operations.size({ key: "c" })).toBe(200);
    expect(() => operations.top({ key: "b", query: vector(1), limit: 1 })).toThrowError(
      expect.objectContaining({ code: "SCAN_NOT_LOADED" }),
    );
  });

  test("keep one that alone is too large", () => {
    const operations = createScanOperations(1);
    load(operations, "a", 100);
    expect(operations.size({ key: "a" })).toBe(100);
  });
});

describe("ScanClient", () => {
  let scan: ScanClient;
  beforeEach(() => {
    scan = new ScanClient();
  });
  afterEach(() => scan[Symbol.asyncDispose]());

  test("answers in the order of the calls, without waiting in between", async () => {
    const [, first, , second, , third] = await Promise.all([
      scan.load("a", [1, 2], flat(1, 2)),
      scan.top("a", vector(3), 9),
      scan.append("a", [3], flat(3)),
      scan.top("a", vector(3), 1),
      scan.remove("a", [3, 4]),
      scan.scores("a", vector(3)),
    ]);
    expect([...first.rows].sort()).toEqual([1, 2]);
    expect([...second.rows]).toEqual([3]);
    expect(second.scores[0]).toBe(1);
    expect([...third.rows].sort()).toEqual([1, 2]);
  });

  test("keeps keys apart and knows what is not loaded", async () => {
    await scan.load("a", [1], flat(1));
    await scan.load("empty", [], new Float32Array(0));
    expect(await Promise.all(["a", "empty", "b"].map((key) => scan.size(key)))).toEqual([1, 0, null]);
    expect((await scan.top("empty", vector(1), 5)).rows).toHaveLength(0);
    expect((await scan.scores("empty", vector(1))).rows).toHaveLength(0);
    await scan.drop("a");
    for (const call of [scan.top("a", vector(1), 1), scan.append("b", [1], flat(1)), scan.remove("b", [1])]) {
      await expect(call).rejects.toMatchObject({ code: "SCAN_NOT_LOADED" });
    }
  });

  test("loading again replaces what was there", async () => {
    await scan.load("a", [1, 2], flat(1, 2));
    await scan.load("a", [7], flat(7));
    expect([...(await scan.top("a", vector(1), 9)).rows]).toEqual([7]);
  });

  test("leaves the caller's rows and views alone", async () => {
    const all = flat(1, 2, 3);
    const rows = Float64Array.of(1);
    await scan.load("a", rows, all.subarray(DIM, 2 * DIM));
    expect([all.length, rows.length]).toEqual([3 * DIM, 1]);
    const [best] = (await scan.top("a", vector(2), 1)).scores;
    expect(best).toBe(1);
  });

  test("refuses vectors that do not fit, and goes on", async () => {
    await scan.load("a", [1], flat(1));
    await expect(scan.append("a", [2], new Float32Array(DIM + 1).fill(1))).rejects.toMatchObject({
      code: "SCAN_DIMENSION",
    });
    await expect(scan.append("a", [2, 3], new Float32Array(DIM))).rejects.toMatchObject({ code: "SCAN_DIMENSION" });
    await expect(scan.top("a", new Float32Array(2).fill(1), 1)).rejects.toMatchObject({ code: "SCAN_DIMENSION" });
    expect(await scan.size("a")).toBe(1);
  });

  test("takes no calls once it is closed", async () => {
    await scan.load("a", [1], flat(1));
    await scan[Symbol.asyncDispose]();
    await expect(scan.size("a")).rejects.toMatchObject({ code: "SCAN_CLOSED" });
  });
});
