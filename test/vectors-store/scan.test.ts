import { fc, test as property } from "@fast-check/vitest";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ScanClient } from "../../src/node/vectors/scan/scan-client.ts";
import { createScanOperations } from "../../src/node/vectors/scan/scan-operations.ts";
import { TopRows } from "../../src/node/vectors/scan/top-rows.ts";
import { sampleVector } from "./sample-records.ts";

const DIM = 5;
const vector = (seed: number): Float32Array => sampleVector(seed, DIM);
const flat = (...seeds: number[]) => Float32Array.from(seeds.flatMap((seed) => [...vector(seed)]));

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

describe("the indexes of one worker", () => {
  const load = (operations: ReturnType<typeof createScanOperations>, key: string, rows: number) => {
    const numbers = Array.from({ length: rows }, (_, i) => i + 1);
    operations.load({ key, rows: Float64Array.from(numbers), vectors: flat(...numbers) });
  };

  test("make room by dropping the one that was used least recently", () => {
    const operations = createScanOperations("auto", 20_000);
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
    const operations = createScanOperations("auto", 1);
    load(operations, "a", 100);
    expect(operations.size({ key: "a" })).toBe(100);
  });
});

describe.each(["kernel", "plain"] as const)("ScanClient, %s", (mode) => {
  let scan: ScanClient;
  beforeEach(() => {
    scan = new ScanClient({ mode });
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

  test("answers questions that share a pass each with its own rows, also where one of them is refused", async () => {
    const rows = Array.from({ length: 3_000 }, (_, i) => i + 1);
    await scan.load("a", rows, flat(...rows));
    await scan.load("b", [1], flat(1));
    const asked = Array.from({ length: 9 }, (_, i) => scan.top(i === 4 ? "b" : "a", vector(i * 100 + 1), i + 1));
    const refused = scan.top("a", new Float32Array(2).fill(1), 1);
    const few = scan.top("a", vector(900), 5, [7, 8]);
    await expect(refused).rejects.toMatchObject({ code: "SCAN_DIMENSION" });
    for (const [i, { rows: found, scores }] of (await Promise.all(asked)).entries()) {
      expect([...found.subarray(0, 1), scores[0]]).toEqual([i === 4 ? 1 : i * 100 + 1, i === 4 ? scores[0] : 1]);
      expect(found).toHaveLength(i === 4 ? 1 : i + 1);
    }
    expect([...(await few).rows].sort()).toEqual([7, 8]);
  });

  test("takes no calls once it is closed", async () => {
    await scan.load("a", [1], flat(1));
    await scan[Symbol.asyncDispose]();
    await expect(scan.size("a")).rejects.toMatchObject({ code: "SCAN_CLOSED" });
  });
});
