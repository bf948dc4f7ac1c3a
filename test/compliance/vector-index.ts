import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { FlatIndex } from "../../src/node/vectors/scan/flat-index.ts";
import type { RowScores, VectorIndex } from "../../src/node/vectors/scan/vector-index.ts";
import { sampleVector } from "../vectors-store/sample-records.ts";

type Held = ReadonlyMap<number, Float32Array>;

/** The definition of the answer. Its sums are exact for small whole numbers, whatever their order: no bit may differ. */
function answer(held: Held, query: Float32Array, limit: number): RowScores {
  const sum = (a: Float32Array, b: Float32Array) => a.reduce((all, x, i) => all + x * (b[i] ?? Number.NaN), 0);
  const inverse = (a: Float32Array) => 1 / Math.sqrt(sum(a, a));
  const scored = [...held].map(([row, vector]) => {
    const cosine = sum(vector, query) * inverse(vector) * inverse(query);
    return { row, score: Math.fround(Math.max(-1, Math.min(1, cosine))) };
  });
  scored.sort((a, b) => b.score - a.score || a.row - b.row);
  const best = scored.slice(0, limit);
  return { rows: Float64Array.from(best, ({ row }) => row), scores: Float32Array.from(best, ({ score }) => score) };
}

const ROW = fc.nat({ max: 30 });
/** Small whole numbers, so that many cosines are equal, at lengths from the ordinary to the extreme. */
const vectors = (dim: number) =>
  fc
    .tuple(
      fc.array(fc.integer({ min: -2, max: 2 }), { minLength: dim, maxLength: dim }),
      fc.constantFrom(0, 0, 0, -60, 60, 100),
    )
    .filter(([numbers]) => numbers.some((x) => x !== 0))
    .map(([numbers, exponent]) => Float32Array.from(numbers, (x) => x * 2 ** exponent));
const steps = (dim: number) =>
  fc.array(
    fc.oneof(
      { weight: 4, arbitrary: fc.record({ add: ROW, vector: vectors(dim) }) },
      { weight: 1, arbitrary: fc.record({ remove: ROW }) },
    ),
    { maxLength: 60 },
  );
const story = fc.constantFrom(1, 3, 8, 33).chain((dim) =>
  fc.record({
    dim: fc.constant(dim),
    steps: steps(dim),
    query: vectors(dim),
    limit: fc.nat({ max: 40 }),
    allowed: fc.array(ROW, { maxLength: 40 }).map((rows) => [...new Set(rows)]),
  }),
);

/** What every index promises: the exact answer, to the bit. */
export function vectorIndexCompliance(name: string, create: (dim: number) => VectorIndex): void {
  describe(`${name} as VectorIndex`, () => {
    property.prop([story], { numRuns: 150 })("answers as the definition does", (told) => {
      const index = create(told.dim);
      const held = new Map<number, Float32Array>();
      for (const step of told.steps) {
        if ("add" in step) {
          index.add(step.add, step.vector);
          held.set(step.add, step.vector);
        } else expect(index.remove(step.remove)).toBe(held.delete(step.remove));
      }
      const { query, limit } = told;
      expect(index.size).toBe(held.size);
      expect(index.top(query, limit)).toEqual(answer(held, query, limit));
      const among = new Map(told.allowed.flatMap((row) => (held.has(row) ? [[row, held.get(row) ?? query]] : [])));
      expect(index.top(query, limit, Float64Array.from(told.allowed))).toEqual(answer(among, query, limit));
      const { rows, scores } = index.scores(query);
      const all = answer(held, query, held.size);
      expect(new Map([...rows].map((row, i) => [row, scores[i]]))).toEqual(
        new Map([...all.rows].map((row, i) => [row, all.scores[i]])),
      );
    });

    test("is exact over several chunks, through removals, compaction and re-use", () => {
      const dim = 37;
      const index = create(dim);
      const plain = new FlatIndex(dim);
      const queries = [1, 5_000, 424_242, 77, 9_100].map((seed) => sampleVector(seed, dim));
      const held = new Set<number>();
      const verify = () => {
        expect(index.size).toBe(held.size);
        const expected = queries.map((query) => plain.top(query, 25));
        expect(queries.map((query) => index.top(query, 25))).toEqual(expected);
        expect(index.topOfEach(queries.map((query) => ({ query, limit: 25 })))).toEqual(expected);
        for (const share of [2, 9, 200]) {
          const allowed = Float64Array.from([...held].filter((row) => row % share === 1));
          const [query] = queries as [Float32Array];
          expect(index.top(query, 12, allowed)).toEqual(plain.top(query, 12, allowed));
        }
        const { rows } = index.scores(queries[0] as Float32Array);
        expect([...rows].sort((a, b) => a - b)).toEqual([...held].sort((a, b) => a - b));
      };
      const add = (row: number, seed: number) => {
        // A third of them lie close together: there the estimates alone would put them in the wrong order.
        const near = seed % 3 === 0 ? sampleVector(424_242, dim) : new Float32Array(dim);
        const vector = sampleVector(seed, dim).map((x, i) => (near[i] === 0 ? x : (near[i] ?? 0) + x / 50));
        for (const one of [index, plain]) one.add(row, vector);
        held.add(row);
      };
      for (let row = 1; row <= 9_000; row++) add(row, row);
      verify();
      const before = index.bytes;
      for (let row = 1; row <= 9_000; row++) {
        if (row % 10 >= 7) continue;
        for (const one of [index, plain]) expect(one.remove(row)).toBe(true);
        held.delete(row);
      }
      verify();
      expect(index.bytes).toBeLessThan(before);
      for (let row = 9_001; row <= 9_500; row++) add(row, row * 3);
      verify();
      for (let row = 9_001; row <= 9_100; row++) add(row, row * 7);
      verify();
      for (const row of [...held]) for (const one of [index, plain]) one.remove(row);
      held.clear();
      verify();
      add(1, 5);
      verify();
    });

    test("is not misled by roundings of vectors or queries that all point one way", () => {
      const dim = 64;
      const of = (number: (i: number) => number) => Float32Array.from({ length: dim }, (_, i) => number(i));
      const side = (i: number) => (i % 2 === 0 ? 1 : -1);
      const index = create(dim);
      // Rounded to whole numbers this one is at a right angle to the query, and all others are not.
      index.add(
        1,
        of((i) => side(i) * (i < 2 ? 127 : 100) + (i < 2 ? 0 : 0.49)),
      );
      for (let n = 1; n <= 20; n++)
        index.add(
          n + 1,
          of((i) => side(i) * 127 + (i % 2 === 1 && i < 3 * n ? 1 : 0)),
        );
      expect([
        ...index.top(
          of(() => 1),
          1,
        ).rows,
      ]).toEqual([1]);
      // The same with a query between whole numbers, of which the largest is 63.
      const other = create(dim);
      other.add(
        1,
        of(() => 1),
      );
      const half = (i: number) => (i % 4 < 2 ? 1 : -1);
      for (let n = 2; n <= 20; n++)
        other.add(
          n,
          of((i) => half(i) - (side(i) * half(i) < 0 ? half(i) / 63.5 : 0)),
        );
      const query = of((i) => side(i) * (i < 2 ? 63 : 50) + (i < 2 ? 0 : 0.49));
      expect([...other.top(query, 1).rows]).toEqual([1]);
    });

    test("puts the lowest rows first among many that are equal", () => {
      const index = create(40);
      for (let row = 500; row > 0; row--)
        index.add(
          row,
          sampleVector(row % 3, 40).map((x) => x * row),
        );
      const { rows, scores } = index.top(sampleVector(1, 40), 20);
      expect(new Set(scores)).toEqual(new Set([1]));
      expect([...rows]).toEqual(Array.from({ length: 20 }, (_, i) => i * 3 + 1));
    });

    test("refuses another dimension and vectors without direction, and answers nothing when empty", () => {
      const index = create(2);
      const of = (...numbers: number[]) => Float32Array.from(numbers);
      expect(index.top(of(1, 2), 5)).toEqual(answer(new Map(), of(1, 2), 5));
      expect(index.top(of(1, 2), 5, Float64Array.of(1)).rows).toHaveLength(0);
      expect(index.scores(of(1, 2)).rows).toHaveLength(0);
      for (const bad of [of(0, 0), of(1, Number.NaN), of(1, Number.POSITIVE_INFINITY)]) {
        for (const call of [
          () => index.add(1, bad),
          () => index.top(bad, 1),
          () => index.top(bad, 1, Float64Array.of(1)),
          () =>
            index.topOfEach([
              { query: of(1, 1), limit: 1 },
              { query: bad, limit: 1 },
            ]),
          () => index.scores(bad),
        ]) {
          expect(call).toThrowError(expect.objectContaining({ code: "SCAN_VECTOR" }));
        }
      }
      expect(() => index.add(1, of(1, 2, 3))).toThrowError(expect.objectContaining({ code: "SCAN_DIMENSION" }));
      expect(index.size).toBe(0);
      index.add(1, of(1, 1));
      expect(() => index.top(of(1, 2, 3), 1)).toThrowError(expect.objectContaining({ code: "SCAN_DIMENSION" }));
      expect(index.top(of(1, 1), -1).rows).toHaveLength(0);
    });
  });
}
