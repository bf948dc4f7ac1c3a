import { spawnSync } from "node:child_process";
import { inspect } from "node:util";
import { afterEach, expect, test } from "vitest";
import { PUBLIC_NAMESPACE } from "../../src/node/ports.ts";
import { Secret } from "../../src/node/runtime/secret.ts";
import { EmbeddedVectorStore } from "../../src/node/vectors/embedded/embedded-vector-store.ts";
import { parseQdrantUrl } from "../../src/node/vectors/qdrant/qdrant-address.ts";
import { COLLECTION, cids, eventually, found, QdrantUnderTest } from "./qdrant-kit.ts";
import { DIM, SPACE, sampleRecord, sampleVector } from "./sample-records.ts";

let subject: QdrantUnderTest;
afterEach(() => subject[Symbol.asyncDispose]());

test("records of two namespaces with the same vectors never mix, even when Qdrant mixes them", async () => {
  subject = await QdrantUnderTest.start();
  const store = subject.open();
  const canary = "canary-5f1d0c";
  for (let i = 0; i < 40; i++) {
    const mine = { namespace: "private", metadata: JSON.stringify({ text: `${canary} ${i}`, tag: "x" }) };
    await store.put([sampleRecord(`p${i}`, i, mine), sampleRecord(`o${i}`, i, { namespace: PUBLIC_NAMESPACE })]);
  }
  const ask = (namespace: string, changes: object = {}) =>
    store.search({ namespace, vector: sampleVector(7), limit: 50, now: 2_000, ...changes });
  const check = async () => {
    const theirs = await ask(PUBLIC_NAMESPACE);
    expect(theirs).toHaveLength(40);
    expect(JSON.stringify(theirs)).not.toContain(canary);
    expect(cids(theirs).every((cid) => cid.startsWith("o"))).toBe(true);
    expect(cids(await ask("private")).every((cid) => cid.startsWith("p"))).toBe(true);
    expect(await ask("private")).toHaveLength(40);
    expect(await ask("elsewhere")).toEqual([]);
    expect(await ask(PUBLIC_NAMESPACE, { filter: { key: "tag", is: { eq: "x" } } })).toEqual([]);
  };
  await check();
  await expect.poll(() => subject.points().length).toBe(80);
  const searches = subject.server.requests.filter(({ path }) => path === "/points/query/batch");
  expect(searches.length).toBeGreaterThan(0);
  for (const { body } of searches) {
    const [{ filter }] = body["searches"] as [{ filter: { must: unknown[] } }];
    expect(filter.must[0]).toMatchObject({ key: "ns", match: { value: expect.stringMatching(/.+/) } });
  }
  // A Qdrant that forgets about filters.
  subject.server.fault = ({ body }) => {
    for (const search of (body["searches"] ?? []) as { query?: unknown; filter?: unknown }[]) {
      if (search.query !== undefined) delete search.filter;
    }
    return undefined;
  };
  await check();
  // Neither does it hold a word of what the records say.
  expect(JSON.stringify(subject.server.collections.points(COLLECTION).map(({ payload }) => payload))).not.toContain(
    canary,
  );
});

test("metadata cannot take the place of what a record belongs to", async () => {
  subject = await QdrantUnderTest.start();
  const store = subject.open();
  const metadata = '{"ns":"victim","_ns":"victim","cid":"forged","terms":["x"],"journal":"mine","stamp":"s","id":0}';
  await store.put([sampleRecord("a", 1, { metadata }), sampleRecord("v", 1, { namespace: "victim" })]);
  expect(await found(store, "victim")).toEqual(["v"]);
  expect(await found(store)).toEqual(["a"]);
  await expect.poll(() => subject.points().length).toBe(2);
  expect(await found(store, "victim")).toEqual(["v"]);
});

test("a wrong key is told at the start and by searches; records are stored, and the key is nowhere shown", async () => {
  subject = await QdrantUnderTest.start({ apiKey: "the-right-key" });
  const wrong = "sk-wrong-3f9a";
  const store = subject.open({ apiKey: new Secret(wrong) });
  const denied = { code: "VECTOR_INDEX_DENIED", fix: expect.stringContaining("QDRANT_API_KEY") };
  await store.put([sampleRecord("a", 1)]);
  const failure: unknown = await store.start().catch((error: unknown) => error);
  expect(failure).toMatchObject(denied);
  expect(inspect(failure, { depth: 9 }) + inspect(store, { depth: 9, showHidden: true })).not.toContain(wrong);
  await expect(found(store)).rejects.toMatchObject(denied);
  expect(await store.count()).toBe(1);
  await store[Symbol.asyncDispose]();
  const right = subject.open({ apiKey: new Secret("the-right-key") });
  await right.start();
  expect(await found(right)).toEqual(["a"]);
});

test.each<[string, object, string]>([
  ["vectors of another dimension", { embedding: { size: DIM + 1, distance: "Cosine" } }, "VECTOR_INDEX_MISMATCH"],
  ["another distance", { embedding: { size: DIM, distance: "Dot" } }, "VECTOR_INDEX_MISMATCH"],
  ["vectors without a name", { size: DIM, distance: "Cosine" }, "VECTOR_INDEX_MISMATCH"],
  ["points of others", { embedding: { size: DIM, distance: "Cosine" } }, "VECTOR_INDEX_FOREIGN"],
])("a collection with %s is refused at the start, and left as it is", async (_, vectors, code) => {
  subject = await QdrantUnderTest.start();
  const { collections } = subject.server;
  collections.create(COLLECTION, { vectors });
  if (code === "VECTOR_INDEX_FOREIGN") {
    collections.upsert(COLLECTION, {
      points: [{ id: 5, vector: { embedding: Array(DIM).fill(1) }, payload: { ns: SPACE } }],
    });
  }
  const state = () => JSON.stringify([collections.points(COLLECTION), collections.describe(COLLECTION)]);
  const before = state();
  const store = subject.open({ dimension: DIM });
  await expect(store.start()).rejects.toMatchObject({ code, fix: expect.stringContaining("QDRANT_COLLECTION") });
  await store.put([sampleRecord("a", 1)]);
  await expect(found(store)).rejects.toMatchObject({ code });
  expect(state()).toBe(before);
});

test("a collection of another miner is refused, and left as it is", async () => {
  subject = await QdrantUnderTest.start();
  await using other = await QdrantUnderTest.start();
  const theirs = other.open({ url: subject.server.url });
  await theirs.put([sampleRecord("theirs", 1)]);
  expect(await found(theirs)).toEqual(["theirs"]);
  await expect.poll(() => subject.points().length).toBe(1);
  const store = subject.open({ dimension: DIM });
  await expect(store.start()).rejects.toMatchObject({ code: "VECTOR_INDEX_FOREIGN" });
  await store.put([sampleRecord("a", 1)]);
  await expect(found(store)).rejects.toMatchObject({ code: "VECTOR_INDEX_FOREIGN" });
  expect(await found(theirs)).toEqual(["theirs"]);
});

test("a Qdrant that is away does not keep a miner from starting", async () => {
  subject = await QdrantUnderTest.start();
  await subject.server.stop();
  const store = subject.open({ dimension: DIM });
  await store.start();
  await store.put([sampleRecord("a", 1)]);
  await subject.server.restart("all");
  expect(await eventually(() => found(store))).toEqual(["a"]);
});

test("a folder changes between memory and Qdrant and back", async () => {
  subject = await QdrantUnderTest.start();
  const embedded = () => new EmbeddedVectorStore({ path: subject.path });
  const search = { namespace: SPACE, vector: sampleVector(3), limit: 9, now: Date.now() };
  {
    await using store = embedded();
    await store.put([sampleRecord("a", 1), sampleRecord("b", 2)]);
  }
  {
    await using store = subject.open();
    expect(await found(store)).toEqual(["a", "b"]);
    await store.put([sampleRecord("c", 3)]);
  }
  {
    await using store = embedded();
    expect(cids(await store.search(search))).toContain("c");
    await store.delete(SPACE, "a");
    // More changes than the journal remembers.
    for (let n = 0; n < 11; n++) {
      const batch = Array.from({ length: 1_000 }, (_, i) => sampleRecord(`n${n}-${i}`, i, { expiresAt: 5 }));
      await store.put(batch);
    }
    await store.expire(10);
  }
  const store = subject.open();
  expect(await eventually(() => found(store))).toEqual(["b", "c"]);
  expect(subject.points()).toHaveLength(2);
});

test.each([
  ["http://127.0.0.1:6333", { url: "http://127.0.0.1", port: 6333, prefix: "" }],
  ["http://qdrant", { url: "http://qdrant", port: 6333, prefix: "" }],
  ["https://q.example:443/", { url: "https://q.example", port: 443, prefix: "" }],
  ["https://q.example:443/vectors/", { url: "https://q.example", port: 443, prefix: "/vectors" }],
  ["http://[::1]:80", { url: "http://[::1]", port: 80, prefix: "" }],
])("%s is a place for Qdrant", async (text, address) => {
  subject = await QdrantUnderTest.start();
  expect(parseQdrantUrl(text)).toEqual(address);
});

test.each(["", "qdrant:6333", "ftp://q", "http://user:key@q", "http://q?key=1", "http://q#x"])(
  "'%s' is none",
  async (text) => {
    subject = await QdrantUnderTest.start();
    expect(() => parseQdrantUrl(text)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  },
);

/** Prints the packages of Qdrant that importing `module` loads, and whether it could tell. */
const watch = (module: string) => `
  import { registerHooks } from "node:module";
  const seen = [];
  registerHooks({ resolve: (name, context, next) => { const found = next(name, context); seen.push(found.url); return found; } });
  await import(${JSON.stringify(module)});
  console.log(JSON.stringify({ qdrant: seen.filter((url) => url.includes("@qdrant")).length > 0, modules: seen.length }));
`;

test.each([
  ["src/node/open-engram.ts", false],
  ["src/node/miner/start-miner.ts", false],
  ["src/node/vectors/qdrant/qdrant-vector-store.ts", false],
  ["src/node/vectors/qdrant/qdrant-collection.ts", true],
])("%s loads the Qdrant package: %s", async (module, loads) => {
  subject = await QdrantUnderTest.start();
  const url = new URL(`../../${module}`, import.meta.url).href;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", watch(url)], {
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  expect(JSON.parse(stdout)).toMatchObject({ qdrant: loads });
});
