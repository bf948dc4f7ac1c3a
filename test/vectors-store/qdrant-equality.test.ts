import { fc } from "@fast-check/vitest";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Filter, matchesJson } from "../../src/node/protocol/filter.ts";
import { openDatabase } from "../../src/node/runtime/sqlite.ts";
import { vectorStoreMigrations } from "../../src/node/vectors/embedded/embedded-schema.ts";
import { EmbeddedVectorStore } from "../../src/node/vectors/embedded/embedded-vector-store.ts";
import { type IndexFilter, indexFilter } from "../../src/node/vectors/qdrant/index-filter.ts";
import { Journal } from "../../src/node/vectors/qdrant/journal.ts";
import { MetadataTerms } from "../../src/node/vectors/qdrant/metadata-terms.ts";
import type { QdrantVectorStore } from "../../src/node/vectors/qdrant/qdrant-vector-store.ts";
import { rankAll } from "../../src/node/vectors/qdrant/ranking.ts";
import { passes } from "../support/qdrant-filter.ts";
import { QdrantUnderTest } from "./qdrant-kit.ts";
import { SPACE, sampleRecord, sampleVector } from "./sample-records.ts";

const SIZE = 1_500;
const NOW = 5_000;

let subject: QdrantUnderTest;
let store: QdrantVectorStore;
let oracle: EmbeddedVectorStore;

/** Metadata of every sort that filters tell apart, some of it in JSON that nobody would write. */
function metadataOf(i: number): string {
  const sorts = [
    `{"n":${i % 7},"tag":"t${i % 5}"}`,
    `{"n":${i % 7}.0,"tag":["t${i % 5}","t${(i + 1) % 5}",${i % 3}]}`,
    `{"n":"${i % 7}","flag":${i % 2 === 0},"tag":null}`,
    `{"n":${i % 7}.5,"deep":{"tag":"t1"},"tag":"\\u0074${i % 5}"}`,
    `{"tag":"","n":-0.0,"text":"Zürich ${i % 4}"}`,
    `{"tag":[],"n":[1,"1",true,null],"__proto__":"t1"}`,
    i % 11 === 0 ? `{${Array.from({ length: 200 }, (_, k) => `"k${k}":${k}`).join(",")},"tag":"t1"}` : "{}",
  ];
  return sorts[i % sorts.length] as string;
}

const records = Array.from({ length: SIZE }, (_, i) =>
  // Many equal vectors, and some that do not live.
  sampleRecord(`r${i}`, i % 60, { metadata: metadataOf(i), expiresAt: i % 13 === 0 ? NOW : null }),
);

beforeAll(async () => {
  subject = await QdrantUnderTest.start();
  store = subject.open();
  oracle = new EmbeddedVectorStore({ path: `${subject.folder}/oracle.db` });
  for (const target of [store, oracle]) {
    await target.put(records);
    for (let i = 0; i < SIZE; i += 17) await target.delete(SPACE, `r${i}`);
  }
});
afterAll(async () => {
  await oracle[Symbol.asyncDispose]();
  await subject[Symbol.asyncDispose]();
});

const key = fc.constantFrom("n", "tag", "flag", "text", "deep", "k3", "missing", "__proto__");
const scalar = fc.oneof(
  fc.constantFrom<string | number | boolean | null>("t1", "t2", "1", "", 0, -0, 1, 1.5, 3, true, false, null),
  fc.constantFrom("True", "Zürich 1", "t"),
);
const bound = fc.oneof(fc.integer({ min: -1, max: 7 }), fc.constantFrom("t", "t2", "z"));
const condition = fc.oneof(
  fc.record({ eq: scalar }),
  fc.record({ in: fc.array(scalar, { minLength: 1, maxLength: 3 }) }),
  fc.record({ exists: fc.boolean() }),
  fc.record({ gte: bound }),
  fc.record({ lt: bound, exists: fc.constant(true) }),
  fc.record({ eq: scalar, in: fc.array(scalar, { minLength: 1, maxLength: 3 }) }),
);
const text = fc.constantFrom("t1", "1", "1.0", "True", "None", "['t1', 't2', 1]", "", "Zürich 2", "-0.0");
const { filter } = fc.letrec<{ filter: Filter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    fc.record({ key, is: condition }),
    fc.record({ key, text }),
    fc.record({ and: fc.array(tie("filter"), { maxLength: 3 }) }),
    fc.record({ or: fc.array(tie("filter"), { maxLength: 3 }) }),
    fc.record({ not: tie("filter") }),
  ),
}));

test("answers equal the embedded store's, scores and order included, for any filter", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.option(filter, { nil: undefined }),
      fc.nat({ max: 70 }),
      fc.nat({ max: 40 }),
      async (by, seed, more) => {
        const limit = more + 1;
        const query = { namespace: SPACE, vector: sampleVector(seed), limit, now: NOW, ...(by ? { filter: by } : {}) };
        expect(await store.search(query)).toEqual(await oracle.search(query));
      },
    ),
    { numRuns: 250 },
  );
});

test("what goes along with a search lets every match pass, and many others not", async () => {
  const terms = new MetadataTerms(new Uint8Array(16));
  const points = records.map(({ metadata }, id) => {
    const payload = { ns: SPACE, cid: `r${id}`, terms: terms.of(metadata) };
    return { id, payload, metadata };
  });
  let kept = 0;
  let needed = 0;
  await fc.assert(
    fc.property(filter, (by) => {
      const sent: IndexFilter = indexFilter(SPACE, by, terms);
      for (const point of points.slice(0, 200)) {
        const isMatch = matchesJson(by, point.metadata);
        const isSent = passes(sent, point);
        if (isMatch) expect(isSent).toBe(true);
        kept += isSent ? 1 : 0;
        needed += isMatch ? 1 : 0;
      }
    }),
    { numRuns: 300 },
  );
  expect(needed).toBeGreaterThan(0);
  expect(kept).toBeLessThan(needed * 2);
});

test("reading the whole namespace gives the same answers without an index", async () => {
  const database = await openDatabase(`${subject.folder}/oracle.db`, vectorStoreMigrations);
  try {
    const journal = new Journal(database);
    for (const by of [undefined, { key: "n", is: { gte: 3 } }, { key: "tag", text: "t1" }] satisfies (
      | Filter
      | undefined
    )[]) {
      const query = { namespace: SPACE, vector: sampleVector(4), limit: 90, now: NOW, ...(by ? { filter: by } : {}) };
      expect(await rankAll(journal, query)).toEqual(await oracle.search(query));
    }
  } finally {
    database.close();
  }
});
