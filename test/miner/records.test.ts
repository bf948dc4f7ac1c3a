import { afterAll, expect, test, vi } from "vitest";
import { cidOf } from "../../src/crypto/cid.ts";
import { findProvable } from "../../src/node/miner/find-provable.ts";
import { MinerUnderTest, TestKey, tilted, unit } from "./miner-under-test.ts";

/** For tests that store nothing. */
const shared = await MinerUnderTest.start();
afterAll(() => shared[Symbol.asyncDispose]());

const alice = new TestKey();
const bob = new TestKey();
const mallory = new TestKey();

test("a public record is stored once, found, read and listed", async () => {
  await using miner = await MinerUnderTest.start();
  const body = { raw_embedding: tilted, metadata: { a: 1, f: 1.5, e: "é" } };
  const first = await miner.post("IngestSynapse", body);
  expect(first).toMatchObject({ status: 200, json: { error: null } });
  expect((await miner.post("IngestSynapse", body)).json.cid).toBe(first.json.cid);
  expect(await miner.store.count()).toBe(1);
  const query = await miner.post("QuerySynapse", { query_vector: unit, top_k: 3 });
  const { results, latency_ms } = query.json;
  expect(results).toEqual([
    { cid: first.json.cid, score: expect.closeTo(0.6, 6), metadata: body.metadata, trust_tier: "anonymous" },
  ]);
  expect(latency_ms).toBeGreaterThanOrEqual(0);
  expect((await miner.retrieve(first.json.cid)).text).toBe(
    `{"cid": "${first.json.cid}", "metadata": {"a": 1, "f": 1.5, "e": "\\u00e9"}}`,
  );
  expect((await miner.post("list", {})).json).toMatchObject({ count: 1, offset: 0, limit: 50 });
});

test("text is embedded, and found by the same text", async () => {
  await using miner = await MinerUnderTest.start();
  const { cid } = (await miner.post("IngestSynapse", { text: " hello " })).json;
  const { results } = (await miner.post("QuerySynapse", { query_text: "hello" })).json;
  expect(results).toEqual([expect.objectContaining({ cid, score: expect.closeTo(1, 5) })]);
});

test.each([
  ["nothing", {}],
  ["blank text", { text: "  " }],
  ["a long text", { text: "😀".repeat(8193) }],
  ["a short vector", { raw_embedding: [1, 2] }],
  ["a zero vector", { raw_embedding: [0, 0, 0, 0, 0, 0, 0, 0] }],
  ["a vector beyond float32", { raw_embedding: [1e300, 0, 0, 0, 0, 0, 0, 0] }],
  ["a vector below float32", { raw_embedding: [1e-60, 0, 0, 0, 0, 0, 0, 0] }],
  ["big metadata", { raw_embedding: unit, metadata: { k: "é".repeat(683) } }],
  ["a reserved key", { raw_embedding: unit, metadata: { _ns: "victim" } }],
  ["another model", { raw_embedding: unit, model: "other" }],
  ["a time that has passed", { raw_embedding: unit, expires_at: 5 }],
  ["a time beyond all clocks", { raw_embedding: unit, expires_at: 1e300 }],
  ["a legacy key", { raw_embedding: unit, namespace: "leg", namespace_key: "long-enough-key-123" }],
])("an ingest of %s is a 200 with an error, and stores nothing", async (_, body) => {
  const answer = await shared.post("IngestSynapse", body);
  expect(answer).toMatchObject({ status: 200, json: { cid: null, error: expect.stringMatching(/.{10}/) } });
  expect(await shared.store.count()).toBe(0);
});

test("metadata with a number that no reader of JSON could read back is refused", async () => {
  const text = `{"raw_embedding":[1,0,0,0,0,0,0,0],"metadata":{"k":[1e400]}}`;
  const answer = await shared.call("POST", "/IngestSynapse", text);
  expect(answer).toMatchObject({ status: 200, json: { cid: null, error: expect.stringContaining("double") } });
});

test.each([
  ["a list", "[1]"],
  ["broken JSON", "{bad"],
  ["NaN", '{"raw_embedding":[NaN,0,0,0,0,0,0,0]}'],
  ["text that is a number", '{"text":5}'],
  ["a vector of objects", '{"raw_embedding":[{}]}'],
  ["metadata that is text", '{"text":"a","metadata":"b"}'],
  ["deep nesting", `{"metadata":${"[".repeat(40)}${"]".repeat(40)}}`],
])("an ingest of %s is a 400 that says why", async (_, text) => {
  expect(await shared.call("POST", "/IngestSynapse", text)).toMatchObject({
    status: 400,
    json: { error: expect.stringMatching(/^(?!.*\.:).{10}/) },
  });
});

test.each([
  ["no query", {}, /give/],
  ["a short vector", { query_vector: [1] }, /dimensions/],
  ["a zero vector", { query_vector: [0, 0, 0, 0, 0, 0, 0, 0] }, /zeros/],
  ["a long text", { query_text: "x".repeat(8193) }, /longer/],
  ["another model", { query_text: "x", model: "other" }, /embeds with/],
])("a query with %s is a 200 with an error", async (_, body, sentence) => {
  const { status, json } = await shared.post("QuerySynapse", body);
  expect({ status, ...json }).toEqual({
    status: 200,
    results: [],
    latency_ms: null,
    error: expect.stringMatching(sentence),
  });
});

test.each([
  ["top_k", 101],
  ["top_k", -1],
  ["top_k", "3.9"],
  ["query_text", 5],
  ["query_vector", "x"],
])("a query with %s %s is a 400 that names the field", async (field, value) => {
  const answer = await shared.post("QuerySynapse", { query_text: "x", [field]: value });
  expect(answer).toMatchObject({ status: 400, json: { error: expect.stringContaining(field) } });
});

test("a body over 10 MiB is a 413, stated or not; a compressed one is a 415", async () => {
  const large = Buffer.alloc(10 * 1024 * 1024 + 1, " ");
  const routes = ["POST /IngestSynapse", "POST /QuerySynapse", "POST /list", "DELETE /retrieve/x"];
  for (const [method = "", path = ""] of routes.map((route) => route.split(" "))) {
    const unstated = new ReadableStream<Uint8Array>({ pull: (stream) => stream.enqueue(large.subarray(0, 1 << 20)) });
    expect((await shared.call(method, path, unstated)).status).toBe(413);
    expect((await shared.call(method, path, large, { "content-length": String(large.length) })).status).toBe(413);
    expect((await shared.call(method, path, "{}", { "content-encoding": "gzip" })).status).toBe(415);
  }
});

test("a public memory ends when its author said, whoever brings the copy and whatever they say", async () => {
  await using miner = await MinerUnderTest.start();
  const { clock } = miner;
  const authored = (id: string, expires?: number) => ({
    author_sig: "0x",
    engram: { id, ...(expires ? { expires } : {}) },
  });
  const ingest = async (metadata: object, more: object = {}) =>
    (await miner.post("IngestSynapse", { raw_embedding: unit, metadata, ...more })).json;
  const soon = clock.now() / 1000 + 10;
  const mortal = (await ingest(authored("a", clock.now() + 60_000))).cid;
  const lasting = (await ingest(authored("b"), { expires_at: soon })).cid;
  const plain = (await ingest({ engram: "words" }, { expires_at: soon })).cid;
  clock.time += 30_000;
  const alive = async (cid: string) => (await miner.retrieve(cid)).status === 200;
  expect(await Promise.all([mortal, lasting, plain].map(alive))).toEqual([true, true, false]);
  clock.time += 31_000;
  expect(await Promise.all([mortal, lasting].map(alive))).toEqual([false, true]);
  expect((await ingest(authored("a", clock.now() - 1_000))).error).toMatch(/expires_at/);
});

test("only who ingested a public record deletes it, by a signature over its CID", async () => {
  await using miner = await MinerUnderTest.start();
  const { cid } = (await miner.signedPost(alice, "IngestSynapse", { raw_embedding: unit })).json;
  const other = (await miner.signedPost(alice, "IngestSynapse", { raw_embedding: tilted })).json.cid;
  const path = `/retrieve/${cid}`;
  expect((await miner.call("DELETE", path)).status).toBe(401);
  expect((await miner.call("DELETE", path, JSON.stringify({ cid, hotkey: alice.hotkey }))).status).toBe(401);
  expect((await miner.delete(bob, cid)).status).toBe(404);
  expect((await miner.delete(alice, cid, {})).status).toBe(400);
  expect((await miner.delete(alice, cid, { cid: other })).status).toBe(400);
  expect((await miner.retrieve(cid)).status).toBe(200);
  expect(await miner.delete(alice, cid)).toMatchObject({ status: 200, json: { deleted: true, cid } });
  expect((await miner.retrieve(cid)).status).toBe(404);
  expect((await miner.delete(alice, cid)).status).toBe(404);
  expect((await miner.retrieve(other)).status).toBe(200);
});

test("the author named in a public record deletes it, whoever brought it; nobody else does", async () => {
  await using miner = await MinerUnderTest.start();
  const body = { raw_embedding: unit, metadata: { author: alice.hotkey, text: "x" } };
  const { cid } = (await miner.signedPost(bob, "IngestSynapse", body)).json;
  expect((await miner.delete(mallory, cid)).status).toBe(404);
  // Who is quicker than the author with the author's own words owns nothing.
  expect((await miner.delete(bob, cid)).status).toBe(404);
  expect((await miner.delete(alice, cid)).status).toBe(200);
});

test("an author that is no hotkey changes nothing for who ingested the record", async () => {
  await using miner = await MinerUnderTest.start();
  const body = { raw_embedding: unit, metadata: { author: "Ursula" } };
  const { cid } = (await miner.signedPost(bob, "IngestSynapse", body)).json;
  expect((await miner.delete(mallory, cid)).status).toBe(404);
  expect((await miner.delete(bob, cid)).status).toBe(200);
});

test("a CID in hundreds of others' namespaces costs nobody more than their own copies", async () => {
  await using miner = await MinerUnderTest.start();
  const own = { raw_embedding: unit, metadata: { k: "v" }, ...alice.namespace("alices", miner.nonce()) };
  const { cid } = (await miner.signedPost(alice, "IngestSynapse", own)).json;
  const copy = await miner.store.get("alices", cid);
  if (!copy) throw new Error("alice's record is not there");
  const names = Array.from({ length: 300 }, (_, number) => `m${number}`);
  const { namespaces } = miner.deps;
  for (const name of names) await namespaces.claimNamespace(name, mallory.hotkey, 1);
  await miner.store.put(names.map((namespace) => ({ ...copy, namespace })));
  const reads = vi.spyOn(miner.store, "get");
  expect(await findProvable(miner.deps, cid, alice.hotkey)).toMatchObject({ namespace: "alices" });
  expect(await findProvable(miner.deps, cid, null)).toBeNull();
  expect(await findProvable(miner.deps, cid, bob.hotkey)).toBeNull();
  expect(new Set(reads.mock.calls.map(([name]) => name))).toEqual(new Set(["__public__", "alices"]));
  reads.mockClear();
  expect(await findProvable(miner.deps, cid, mallory.hotkey)).not.toBeNull();
  expect(reads.mock.calls.length).toBeLessThan(110);
});

test("an anonymous record is nobody's to delete", async () => {
  await using miner = await MinerUnderTest.start();
  const { cid } = (await miner.post("IngestSynapse", { raw_embedding: unit, hotkey: alice.hotkey })).json;
  expect((await miner.delete(alice, cid)).status).toBe(404);
});

test("an expired record is gone from every route, and its content may come again", async () => {
  await using miner = await MinerUnderTest.start();
  const expires_at = miner.clock.now() / 1000 + 60.5;
  const body = { raw_embedding: unit, expires_at };
  const { cid } = (await miner.signedPost(alice, "IngestSynapse", body)).json;
  miner.clock.time += 60_400;
  expect((await miner.retrieve(cid)).status).toBe(200);
  miner.clock.time += 200;
  expect((await miner.retrieve(cid)).status).toBe(404);
  expect((await miner.post("list", {})).json.records).toEqual([]);
  expect((await miner.post("QuerySynapse", { query_vector: unit })).json.results).toEqual([]);
  expect((await miner.delete(alice, cid)).status).toBe(404);
  expect((await miner.post("IngestSynapse", { raw_embedding: unit })).json.cid).toBe(cid);
  expect((await miner.retrieve(cid)).status).toBe(200);
});

test("filters compare as Python prints values, in queries and lists", async () => {
  await using miner = await MinerUnderTest.start();
  const one = (await miner.post("IngestSynapse", { raw_embedding: unit, metadata: { a: 1, b: true } })).json.cid;
  const two = (await miner.post("IngestSynapse", { raw_embedding: tilted, metadata: { a: 2 } })).json.cid;
  const cids = async (filter: object) => {
    const query = await miner.post("QuerySynapse", { query_vector: unit, filter });
    const list = await miner.post("list", { filter });
    const [found, listed] = [query.json.results, list.json.records].map((rows: { cid: string }[]) =>
      rows.map(({ cid }) => cid),
    );
    expect(found).toEqual(listed);
    return listed;
  };
  expect(await cids({ a: "1", b: "True" })).toEqual([one]);
  expect(await cids({ b: null })).toEqual([two]);
  expect(await cids({ b: "None" })).toEqual([two]);
  expect(await cids({ a: "1.0" })).toEqual([]);
  expect(await cids({})).toEqual([one, two]);
});

test("a list is read page by page, by offset or by next", async () => {
  await using miner = await MinerUnderTest.start();
  const all: string[] = [];
  for (let n = 1; n <= 7; n += 1)
    all.push((await miner.post("IngestSynapse", { raw_embedding: [n, 1, 0, 0, 0, 0, 0, 0] })).json.cid);
  const seen: string[] = [];
  let after: string | undefined;
  do {
    const { json } = await miner.post("list", { limit: 3, ...(after === undefined ? {} : { after }) });
    seen.push(...json.records.map(({ cid }: { cid: string }) => cid));
    after = json.next;
  } while (after !== undefined);
  expect(seen).toEqual(all);
  const page = (await miner.post("list", { limit: "2", offset: 5 })).json;
  expect(page.records.map(({ cid }: { cid: string }) => cid)).toEqual(all.slice(5));
  expect((await miner.post("list", { limit: 0 })).json).toMatchObject({ records: [], limit: 0 });
  expect((await miner.post("list", { limit: 1000, offset: -3 })).json).toMatchObject({ count: 7, offset: 0 });
  expect((await miner.post("list", { limit: "abc" })).status).toBe(400);
  expect((await miner.post("list", { limit: -1 })).status).toBe(400);
  expect((await miner.post("list", { after: "zz" })).status).toBe(400);
});

test("a repaired record keeps the CID it had, in either form, and gets no other", async () => {
  await using miner = await MinerUnderTest.start();
  const metadata = new Map([["n", 1n]]);
  const wanted = cidOf({ embedding: unit, metadata });
  const repair = { raw_embedding: unit, metadata: { n: 1, _emb_hash: "ab" }, cid_override: wanted };
  expect((await miner.signedPost(bob, "IngestSynapse", repair)).json.cid).toBe(wanted);
  const forged = `v1::${"0".repeat(64)}`;
  const answer = await miner.post("IngestSynapse", { raw_embedding: unit, metadata: { n: 1 }, cid_override: forged });
  expect(answer.json.cid).toBe(wanted);
});

test("unknown paths and wrong methods are answered as the reference does", async () => {
  await using miner = await MinerUnderTest.start();
  expect(await miner.call("GET", "/nosuch")).toMatchObject({ status: 404, text: "404: Not Found" });
  expect(await miner.call("GET", "/IngestSynapse")).toMatchObject({ status: 405, text: "405: Method Not Allowed" });
  expect(await miner.call("HEAD", "/health")).toMatchObject({ status: 200, text: "" });
  expect((await miner.call("GET", "/retrieve/%20")).status).toBe(400);
  expect((await miner.call("GET", "/retrieve/%zz")).status).toBe(404);
});
