import { fc } from "@fast-check/vitest";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ScoredRecord, StoredRecord, VectorStore } from "../../src/node/ports.ts";
import { type Filter, matchesJson } from "../../src/node/protocol/filter.ts";

import { DIM, SPACE, sampleRecord, sampleVector } from "../vectors-store/sample-records.ts";

/** One file or collection, opened any number of times as another process would. */
export interface VectorStoreUnderTest extends AsyncDisposable {
  open(clock: { readonly now: () => number }): VectorStore;
}

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, component, i) => sum + component * (y[i] ?? 0), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/** What the store must answer, by the definition of its words. */
function bruteForce(records: readonly StoredRecord[], query: Parameters<VectorStore["search"]>[0]): string[] {
  return records
    .map((record, place) => ({ record, place, score: cosine(record.embedding, query.vector) }))
    .filter(({ record }) => record.namespace === query.namespace)
    .filter(({ record }) => record.expiresAt === null || record.expiresAt > query.now)
    .filter(({ record }) => !query.filter || matchesJson(query.filter, record.metadata))
    .sort((a, b) => b.score - a.score || a.place - b.place)
    .slice(0, query.limit)
    .map(({ record }) => record.cid);
}

const cids = (found: readonly { readonly cid: string }[]): string[] => found.map(({ cid }) => cid);

/** What every vector store promises: exact search, isolation, durability, expiry, stable pages. */
export function vectorStoreCompliance(name: string, create: () => Promise<VectorStoreUnderTest>): void {
  describe(`${name} as VectorStore`, () => {
    let subject: VectorStoreUnderTest;
    let now: number;
    let stores: VectorStore[];
    let store: VectorStore;
    const clock = { now: () => now };
    const open = (): VectorStore => {
      const opened = subject.open(clock);
      stores.push(opened);
      return opened;
    };
    const search = (changes: Partial<Parameters<VectorStore["search"]>[0]> = {}): Promise<readonly ScoredRecord[]> =>
      store.search({ namespace: SPACE, vector: sampleVector(0), limit: 10, now, ...changes });

    beforeEach(async () => {
      now = 10_000;
      stores = [];
      subject = await create();
      store = open();
    });
    afterEach(async () => {
      for (const opened of stores) await opened[Symbol.asyncDispose]();
      await subject[Symbol.asyncDispose]();
    });

    test("gives back exactly what was put", async () => {
      const embedding = Float32Array.of(-0, 1e-40, 3.4e38, 0.1, -2, 3, 4, 5);
      const metadata = '{ "n": 1.0, "big": 12345678901234567890, "é": "\\u00e9", "__proto__": {"x": 1} }';
      const record = sampleRecord("a", 1, { embedding, metadata, createdAt: 5, expiresAt: 20_000 });
      expect(await store.put([record])).toEqual([{ cid: "a", created: true }]);
      expect(await store.get(SPACE, "a")).toEqual(record);
      expect(new Uint32Array((await store.get(SPACE, "a"))?.embedding.slice().buffer ?? [])).toEqual(
        new Uint32Array(embedding.slice().buffer),
      );
      expect(await store.get(SPACE, "b")).toBeNull();
      expect(await store.get("elsewhere", "a")).toBeNull();
    });

    test("leaves a record that is there as it is", async () => {
      const first = sampleRecord("a", 1, { metadata: '{"v":1}' });
      await store.put([first]);
      const again = await store.put([sampleRecord("a", 2, { metadata: '{"v":2}' }), sampleRecord("b", 3)]);
      expect(again).toEqual([
        { cid: "a", created: false },
        { cid: "b", created: true },
      ]);
      expect(await store.get(SPACE, "a")).toEqual(first);
      expect(await store.count()).toBe(2);
    });

    test("keeps one CID in two namespaces apart, and never moves it", async () => {
      const mine = sampleRecord("same", 1, { metadata: '{"of":"mine"}' });
      const yours = sampleRecord("same", 1, { namespace: "yours", metadata: '{"of":"yours"}' });
      expect(await store.put([mine])).toEqual([{ cid: "same", created: true }]);
      expect(await store.put([yours])).toEqual([{ cid: "same", created: true }]);
      expect(await store.locate("same")).toEqual([mine, yours]);
      expect(await search({ vector: mine.embedding })).toMatchObject([{ metadata: mine.metadata }]);
      expect(await search({ namespace: "yours", vector: mine.embedding })).toMatchObject([
        { metadata: yours.metadata },
      ]);
      expect(await store.delete(SPACE, "same")).toBe(true);
      expect(await store.get("yours", "same")).toEqual(yours);
      expect(await search()).toEqual([]);
      expect([await store.count(SPACE), await store.count("yours"), await store.count()]).toEqual([0, 1, 1]);
    });

    test("finds the nearest by cosine, whatever their length", async () => {
      const records = Array.from({ length: 40 }, (_, i) =>
        sampleRecord(`r${i}`, i, { embedding: sampleVector(i).map((x) => x * (i + 1) ** 3) }),
      );
      await store.put(records);
      const query = { namespace: SPACE, vector: sampleVector(7), limit: 12, now };
      const hits = await store.search(query);
      expect(cids(hits)).toEqual(bruteForce(records, query));
      expect(hits[0]?.score).toBeCloseTo(1, 6);
      for (const [i, hit] of hits.entries()) {
        const record = records.find(({ cid }) => cid === hit.cid);
        expect(hit.score).toBeCloseTo(cosine(record?.embedding ?? query.vector, query.vector), 5);
        expect(hit.score).toBeLessThanOrEqual(hits[i - 1]?.score ?? 1);
      }
    });

    test("orders equal scores by insertion, in every namespace and page", async () => {
      const order = ["m", "c", "z", "a", "k"];
      for (const cid of order) await store.put([sampleRecord(cid, 3), sampleRecord(cid, 3, { namespace: "other" })]);
      expect(cids(await search({ vector: sampleVector(3) }))).toEqual(order);
      expect(cids(await search({ vector: sampleVector(3), limit: 3 }))).toEqual(order.slice(0, 3));
      expect(cids((await store.list({ namespace: SPACE, limit: 10, now })).records)).toEqual(order);
    });

    test.each([
      ["0.1 %", 1_000],
      ["1 %", 100],
      ["50 %", 2],
    ])("filters are exact when %s of the records pass", async (_, every) => {
      const records = Array.from({ length: 2_000 }, (_, i) =>
        sampleRecord(`r${i}`, i, { metadata: JSON.stringify({ pick: i % every === 1, n: i }) }),
      );
      await store.put(records);
      for (const filter of [
        { key: "pick", is: { eq: true } },
        { and: [{ key: "pick", is: { eq: true } }, { not: { key: "n", is: { lt: 1_000 } } }] },
        { key: "pick", text: "True" },
      ] satisfies Filter[]) {
        const query = { namespace: SPACE, vector: sampleVector(5_000), limit: 10, filter, now };
        const expected = bruteForce(records, query);
        expect(expected.length).toBeGreaterThan(0);
        expect(cids(await store.search(query))).toEqual(expected);
        const { records: listed } = await store.list({ namespace: SPACE, limit: 1_000, filter, now });
        expect(listed.every(({ metadata }) => matchesJson(filter, metadata))).toBe(true);
        expect(listed).toHaveLength(records.filter(({ metadata }) => matchesJson(filter, metadata)).length);
      }
      expect(await search({ filter: { key: "pick", is: { eq: "no such" } } })).toEqual([]);
    });

    test("filters find texts however their JSON was written", async () => {
      const written = [
        '{"a":"Zürich"}',
        '{"a":"Z\\u00fcrich"}',
        '{"a":"\\u005a\\u00fcrich"}',
        '{"a":"Zurich"}',
        '{"b":"Zürich"}',
      ];
      await store.put(written.map((metadata, i) => sampleRecord(`r${i}`, i, { metadata })));
      for (const filter of [
        { key: "a", is: { eq: "Zürich" } },
        { key: "a", text: "Zürich" },
      ] satisfies Filter[]) {
        expect(cids(await search({ filter })).sort()).toEqual(["r0", "r1", "r2"]);
      }
    });

    test("deleted records never return", async () => {
      const records = Array.from({ length: 300 }, (_, i) => sampleRecord(`r${i}`, i));
      await store.put(records);
      expect(await search()).toHaveLength(10);
      for (let i = 0; i < 300; i += 2) expect(await store.delete(SPACE, `r${i}`)).toBe(true);
      expect(await store.delete(SPACE, "r0")).toBe(false);
      expect(await store.delete("elsewhere", "r1")).toBe(false);
      const left = records.filter((_, i) => i % 2 === 1);
      expect(cids(await search({ limit: 1_000 })).sort()).toEqual(cids(left).sort());
      expect(await store.get(SPACE, "r0")).toBeNull();
      expect(await store.locate("r0")).toEqual([]);
      expect(cids((await store.list({ namespace: SPACE, limit: 1_000, now })).records)).toEqual(cids(left));
      expect(await store.put([sampleRecord("r0", 0)])).toEqual([{ cid: "r0", created: true }]);
      expect(cids(await search({ limit: 1 }))).toEqual(["r0"]);
    });

    test("expired records are in no answer, before and after they are removed", async () => {
      const mortal = sampleRecord("mortal", 0, { expiresAt: 20_000 });
      const immortal = sampleRecord("immortal", 1);
      await store.put([mortal, immortal]);
      const everything = async () => ({
        get: (await store.get(SPACE, "mortal"))?.cid,
        locate: cids(await store.locate("mortal")),
        search: cids(await search({ limit: 1 })),
        filtered: cids(await search({ limit: 1, filter: { not: { key: "x", is: { eq: 1 } } } })),
        list: cids((await store.list({ namespace: SPACE, limit: 9, now })).records),
        counts: [await store.count(), await store.count(SPACE)],
      });
      now = 19_999;
      expect(await everything()).toEqual({
        get: "mortal",
        locate: ["mortal"],
        search: ["mortal"],
        filtered: ["mortal"],
        list: ["mortal", "immortal"],
        counts: [2, 2],
      });
      now = 20_000;
      const without = {
        get: undefined,
        locate: [],
        search: ["immortal"],
        filtered: ["immortal"],
        list: ["immortal"],
        counts: [1, 1],
      };
      expect(await everything()).toEqual(without);
      expect(await store.expire(now)).toBe(1);
      expect(await store.expire(now)).toBe(0);
      expect(await everything()).toEqual(without);
    });

    test("a new record takes the place of an expired one", async () => {
      await store.put([sampleRecord("a", 1, { expiresAt: 2_000, metadata: '{"v":1}' })]);
      const next = sampleRecord("a", 2, { createdAt: now, metadata: '{"v":2}' });
      expect(await store.put([next])).toEqual([{ cid: "a", created: true }]);
      expect(await store.get(SPACE, "a")).toEqual(next);
      expect(await search({ vector: next.embedding })).toMatchObject([{ metadata: '{"v":2}' }]);
    });

    test("pages hold every record once, also those put meanwhile", async () => {
      await store.put(Array.from({ length: 25 }, (_, i) => sampleRecord(`early${i}`, i)));
      const seen: string[] = [];
      let after: string | undefined;
      for (let page = 0; ; page++) {
        const put = page < 3 ? store.put([sampleRecord(`late${page}`, 100 + page)]) : undefined;
        const { records, next } = await store.list({ namespace: SPACE, limit: 10, now, ...(after ? { after } : {}) });
        await put;
        seen.push(...cids(records));
        if (next === null) break;
        after = next;
      }
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen.slice(0, 25)).toEqual(Array.from({ length: 25 }, (_, i) => `early${i}`));
      expect(seen.length).toBeGreaterThanOrEqual(27);
    });

    test("pages go on behind a record that was deleted meanwhile", async () => {
      await store.put(Array.from({ length: 6 }, (_, i) => sampleRecord(`r${i}`, i)));
      const first = await store.list({ namespace: SPACE, limit: 3, now });
      await store.delete(SPACE, "r2");
      await store.delete(SPACE, "r3");
      const rest = await store.list({ namespace: SPACE, limit: 3, after: first.next ?? "", now });
      expect(cids(rest.records)).toEqual(["r4", "r5"]);
      expect(rest.next).toBeNull();
      await store.put([sampleRecord("r6", 6)]);
      const later = await store.list({ namespace: SPACE, limit: 3, after: rest.last ?? "", now });
      expect(cids(later.records)).toEqual(["r6"]);
      const none = await store.list({ namespace: SPACE, limit: 3, after: later.last ?? "", now });
      expect(none).toEqual({ records: [], next: null, last: null });
    });

    test("a list can skip matches, as the wire's offset does", async () => {
      const records = Array.from({ length: 10 }, (_, i) =>
        sampleRecord(`r${i}`, i, { metadata: JSON.stringify({ even: i % 2 === 0 }) }),
      );
      await store.put(records);
      const filter: Filter = { key: "even", is: { eq: true } };
      const page = await store.list({ namespace: SPACE, limit: 2, offset: 1, filter, now });
      expect(cids(page.records)).toEqual(["r2", "r4"]);
      expect(page.next).not.toBeNull();
      expect(cids((await store.list({ namespace: SPACE, limit: 5, offset: 8, now })).records)).toEqual(["r8", "r9"]);
      expect((await store.list({ namespace: SPACE, limit: 5, offset: 10, now })).next).toBeNull();
    });

    test("a vector without direction, or of another dimension, is neither stored nor searched", async () => {
      await store.put([sampleRecord("good", 1)]);
      for (const [vector, code] of [
        [Float32Array.of(1, Number.NaN, 0, 0, 0, 0, 0, 0), "VECTOR_INVALID"],
        [Float32Array.of(1, Number.POSITIVE_INFINITY, 0, 0, 0, 0, 0, 0), "VECTOR_INVALID"],
        [Float32Array.of(1e300, 0, 0, 0, 0, 0, 0, 0), "VECTOR_INVALID"],
        [new Float32Array(DIM), "VECTOR_INVALID"],
        [new Float32Array(0), "VECTOR_INVALID"],
        [new Float32Array(DIM + 1).fill(1), "VECTOR_DIMENSION"],
      ] as const) {
        const batch = [sampleRecord("beside", 2), sampleRecord("bad", 3, { embedding: vector })];
        await expect(store.put(batch)).rejects.toMatchObject({ code, fix: expect.any(String) });
        await expect(search({ vector })).rejects.toMatchObject({ code, fix: expect.any(String) });
      }
      expect(cids(await search())).toEqual(["good"]);
      expect(await store.count()).toBe(1);
    });

    test("metadata that is no JSON object is refused", async () => {
      for (const metadata of ["", "{", "[]", "null", '"text"', "{'a':1}"]) {
        await expect(store.put([sampleRecord("a", 1, { metadata })])).rejects.toMatchObject({ code: "RECORD_INVALID" });
      }
      expect(await store.count()).toBe(0);
    });

    test("limits and cursors out of range are refused with what to do", async () => {
      for (const limit of [0, -1, 1.5, Number.NaN, 1e9]) {
        await expect(search({ limit })).rejects.toMatchObject({ code: "LIMIT_INVALID" });
        await expect(store.list({ namespace: SPACE, limit, now })).rejects.toMatchObject({ code: "LIMIT_INVALID" });
      }
      for (const after of ["", "abc", "-1", "1; DROP TABLE record"]) {
        await expect(store.list({ namespace: SPACE, limit: 1, after, now })).rejects.toMatchObject({
          code: "CURSOR_INVALID",
        });
      }
    });

    test("an empty namespace answers with nothing", async () => {
      expect(await search()).toEqual([]);
      expect(await store.list({ namespace: SPACE, limit: 5, now })).toEqual({ records: [], next: null, last: null });
      expect(await store.count(SPACE)).toBe(0);
      await store.put([sampleRecord("a", 1, { namespace: "other" })]);
      expect(await search()).toEqual([]);
    });

    test("two openers see each other's writes in the next search", async () => {
      const other = open();
      await store.put([sampleRecord("a", 1)]);
      expect(await other.search({ namespace: SPACE, vector: sampleVector(1), limit: 9, now })).toHaveLength(1);
      await other.put([sampleRecord("b", 2)]);
      expect(cids(await search({ vector: sampleVector(2), limit: 1 }))).toEqual(["b"]);
      await store.delete(SPACE, "a");
      expect(cids(await other.search({ namespace: SPACE, vector: sampleVector(1), limit: 9, now }))).toEqual(["b"]);
    });

    test("answers are the same after it was closed and opened again", async () => {
      const records = Array.from({ length: 120 }, (_, i) =>
        sampleRecord(`r${i}`, i % 50, { metadata: JSON.stringify({ i }), expiresAt: i % 7 === 0 ? 15_000 : null }),
      );
      await store.put(records);
      for (let i = 0; i < 120; i += 5) await store.delete(SPACE, `r${i}`);
      const answers = async () => [
        await search({ limit: 200 }),
        await search({ limit: 200, filter: { key: "i", is: { gte: 60 } } }),
        await store.list({ namespace: SPACE, limit: 200, now }),
        await store.count(),
      ];
      const before = await answers();
      await store[Symbol.asyncDispose]();
      store = open();
      expect(await answers()).toEqual(before);
    });

    test("behaves as a plain list does under any sequence of calls", async () => {
      let run = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
          // One file serves all runs: each has namespaces of its own.
          run += 1;
          await replay(store, steps, (space) => `run${run}-${space}`);
        }),
        { numRuns: 40 },
      );
    });
  });
}

type Step =
  | { readonly do: "put"; readonly cid: number; readonly space: number; readonly seed: number; readonly life: number }
  | { readonly do: "delete"; readonly cid: number; readonly space: number }
  | {
      readonly do: "search";
      readonly seed: number;
      readonly space: number;
      readonly limit: number;
      readonly from: number;
    }
  | { readonly do: "wait" };

const cid = fc.nat({ max: 9 });
const space = fc.nat({ max: 1 });
const seed = fc.nat({ max: 6 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("put" as const), cid, space, seed, life: fc.nat({ max: 4 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("delete" as const), cid, space }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("search" as const),
      seed,
      space,
      limit: fc.integer({ min: 1, max: 12 }),
      from: fc.nat({ max: 6 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: "wait" as const }) },
);

/** Runs the steps against the store and a list in memory, comparing every answer. */
async function replay(store: VectorStore, steps: readonly Step[], name: (space: number) => string): Promise<void> {
  let model: StoredRecord[] = [];
  let now = 1_000;
  const isAlive = (record: StoredRecord) => record.expiresAt === null || record.expiresAt > now;
  for (const action of steps) {
    if (action.do === "wait") now += 1_000;
    else if (action.do === "put") {
      const expiresAt = action.life === 0 ? null : now + action.life * 1_000;
      const metadata = JSON.stringify({ seed: action.seed });
      const namespace = name(action.space);
      const record = sampleRecord(`c${action.cid}`, action.seed, { namespace, metadata, createdAt: now, expiresAt });
      const isSame = (other: StoredRecord) => other.cid === record.cid && other.namespace === namespace;
      const created = !model.some((other) => isSame(other) && isAlive(other));
      if (created) model = [...model.filter((other) => !isSame(other)), record];
      expect(await store.put([record])).toEqual([{ cid: record.cid, created }]);
    } else if (action.do === "delete") {
      await store.delete(name(action.space), `c${action.cid}`);
      model = model.filter((record) => record.cid !== `c${action.cid}` || record.namespace !== name(action.space));
    } else {
      const filter: Filter = { key: "seed", is: { gte: action.from } };
      const query = { namespace: name(action.space), vector: sampleVector(action.seed), limit: action.limit, now };
      expect(cids(await store.search(query))).toEqual(bruteForce(model, query));
      expect(cids(await store.search({ ...query, filter }))).toEqual(bruteForce(model, { ...query, filter }));
      const { records } = await store.list({ namespace: query.namespace, limit: 100, now });
      expect(records).toEqual(model.filter((record) => record.namespace === query.namespace && isAlive(record)));
    }
  }
}
