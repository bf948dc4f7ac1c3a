import { afterAll, expect, test } from "vitest";
import { memoryRoot, namespaceSecret, wireName } from "../../src/crypto/keys.ts";
import { shownName } from "../../src/crypto/namespace-name.ts";
import { MinerUnderTest, TestKey, tilted, unit } from "./miner-under-test.ts";

const alice = new TestKey();
const bob = new TestKey();
const canary = { _enc: "CANARY" };

async function withCanary() {
  const miner = await MinerUnderTest.start();
  const ingest = await miner.namespacePost(alice, "ns", "IngestSynapse", { raw_embedding: unit, metadata: canary });
  return { miner, cid: ingest.json.cid as string, [Symbol.asyncDispose]: () => miner[Symbol.asyncDispose]() };
}

const empty = await MinerUnderTest.start();
/** A miner with a canary that has run for a while. */
const old = await withCanary();
old.miner.clock.time += 120_000;
afterAll(async () => {
  await empty[Symbol.asyncDispose]();
  await old[Symbol.asyncDispose]();
});

test("the owner finds, lists and deletes a private record", async () => {
  await using made = await withCanary();
  const { miner, cid } = made;
  const query = await miner.namespacePost(alice, "ns", "QuerySynapse", { query_vector: unit });
  expect(query.json.results).toEqual([{ cid, score: expect.closeTo(1, 6), metadata: canary, trust_tier: "anonymous" }]);
  expect(query.json).toMatchObject({ latency_ms: null, error: null });
  const list = await miner.namespacePost(alice, "ns", "list", {});
  expect(list.json.records).toEqual([{ cid, metadata: canary }]);
  expect((await miner.delete(alice, cid)).json).toMatchObject({ deleted: true, cid });
  expect((await miner.namespacePost(alice, "ns", "list", {})).json.records).toEqual([]);
});

test("nobody else sees a private record by any route, or learns that it is there", async () => {
  await using made = await withCanary();
  const { miner, cid } = made;
  const unknown = `v1::${"0".repeat(64)}`;
  const probes: ((name: string, at: string) => Promise<{ status: number; text: string }>)[] = [
    (_, at) => miner.retrieve(at),
    (_, at) => miner.delete(bob, at),
    (name, at) => miner.delete(bob, at, { cid: at, namespace: name }),
    () => miner.post("QuerySynapse", { query_vector: unit }),
    (name) => miner.post("QuerySynapse", { query_vector: unit, namespace: name }),
    (name) => miner.namespacePost(bob, name, "QuerySynapse", { query_vector: unit }),
    () => miner.post("list", {}),
    (name) => miner.post("list", { namespace: name }),
    (name) => miner.namespacePost(bob, name, "list", {}),
    () => miner.post("QuerySynapse", { query_vector: unit, filter: canary }),
  ];
  for (const [index, probe] of probes.entries()) {
    const there = await probe("ns", cid);
    const notThere = await probe("zz", unknown);
    expect(there.text, `probe ${index}`).not.toContain("CANARY");
    expect([there.status, shape(there.text)], `probe ${index}`).toEqual([notThere.status, shape(notThere.text)]);
  }
  expect((await miner.namespacePost(alice, "ns", "list", {})).json.count).toBe(1);
});

/** A reply without what differs between any two. */
function shape(text: string): string {
  return text.replace(/"latency_ms": [0-9.e-]+/, "");
}

test("a namespace belongs to who came first with a signature", async () => {
  await using made = await withCanary();
  const { miner } = made;
  const taken = await miner.namespacePost(bob, "ns", "IngestSynapse", { raw_embedding: tilted });
  expect(taken.json).toMatchObject({ cid: null, error: expect.any(String) });
  expect(await miner.store.count("ns")).toBe(1);
  expect((await miner.namespacePost(bob, "bobs", "IngestSynapse", { raw_embedding: tilted })).json.error).toBeNull();
});

test("querying and listing never make a namespace", async () => {
  await using miner = await MinerUnderTest.start();
  await miner.namespacePost(bob, "ns", "QuerySynapse", { query_vector: unit });
  expect((await miner.namespacePost(bob, "ns", "list", {})).status).toBe(404);
  expect(await miner.store.namespaces.ownerOf("ns")).toBeNull();
});

test.each(["my-ns", "1a", "a b", "__public__", "__mine", "x".repeat(129)])(
  "the name %s cannot be taken",
  async (name) => {
    await using miner = await MinerUnderTest.start();
    const answer = await miner.namespacePost(alice, name, "IngestSynapse", { raw_embedding: unit });
    expect(answer).toMatchObject({ status: 200, json: { cid: null, error: expect.any(String) } });
    expect(await miner.store.count()).toBe(0);
  },
);

test("a namespace signature works once, whatever the route", async () => {
  await using made = await withCanary();
  const { miner } = made;
  const fields = alice.namespace("ns", miner.nonce());
  expect((await miner.post("list", fields)).status).toBe(200);
  expect((await miner.post("list", fields)).status).toBe(403);
  expect((await miner.post("QuerySynapse", { query_vector: unit, ...fields })).json.error).toEqual(expect.any(String));
  const upper = { ...fields, namespace_sig: fields.namespace_sig.slice(2).toUpperCase() };
  expect((await miner.post("list", upper)).status).toBe(403);
});

test.each<[string, (miner: MinerUnderTest) => object]>([
  ["too old", (miner) => alice.namespace("ns", miner.clock.now() - 60_001)],
  ["from the future", (miner) => alice.namespace("ns", miner.clock.now() + 60_001)],
  ["of another name", (miner) => ({ ...alice.namespace("other", miner.nonce()), namespace: "ns" })],
  ["of another time", (miner) => ({ ...alice.namespace("ns", miner.nonce()), namespace_timestamp_ms: miner.nonce() })],
  ["of another key", (miner) => ({ ...bob.namespace("ns", miner.nonce()), namespace_hotkey: alice.hotkey })],
  ["of zeros", (miner) => ({ ...alice.namespace("ns", miner.nonce()), namespace_sig: "00".repeat(64) })],
])("a namespace signature %s opens nothing", async (_, make) => {
  const { miner } = old;
  expect((await miner.post("list", make(miner))).status).toBe(403);
  const query = await miner.post("QuerySynapse", { query_vector: unit, ...make(miner) });
  expect(query.json).toMatchObject({ results: [], error: expect.any(String) });
  const ingest = await miner.post("IngestSynapse", { raw_embedding: tilted, ...make(miner) });
  expect(ingest.json).toMatchObject({ cid: null, error: expect.any(String) });
  expect(await miner.store.count("ns")).toBe(1);
});

test("a captured namespace signature cannot be put into another's signed request", async () => {
  await using made = await withCanary();
  const { miner } = made;
  const stolen = alice.namespace("ns", miner.nonce());
  expect((await miner.signedPost(bob, "list", stolen)).status).toBe(403);
  expect((await miner.signedPost(alice, "list", alice.namespace("ns", miner.nonce()))).status).toBe(200);
});

test("of a request for a namespace that a client of ours named, no unsigned rest opens anything", async () => {
  await using miner = await MinerUnderTest.start();
  const name = wireName(namespaceSecret(memoryRoot(new Uint8Array(32)), shownName("main")), shownName("main"));
  const whole = { raw_embedding: unit, metadata: canary, ...alice.namespace(name, miner.nonce()) };
  const text = alice.signed("IngestSynapse", JSON.stringify(whole), miner.nonce());
  // What somebody else can make of it: the namespace's signature is fresh and was never used at this miner.
  const { hotkey: _, nonce: __, signature: ___, ...stripped } = JSON.parse(text);
  expect((await miner.post("IngestSynapse", { ...stripped, metadata: { _enc: "POISON" } })).json.cid).toBeNull();
  expect((await miner.post("IngestSynapse", { ...stripped, hotkey: alice.hotkey })).json.cid).toBeNull();
  expect((await miner.post("QuerySynapse", { ...stripped, query_vector: unit })).json.results).toEqual([]);
  expect((await miner.post("list", stripped)).status).toBe(403);
  expect(await miner.store.count()).toBe(0);
  expect((await miner.call("POST", "/IngestSynapse", text)).json.cid).toMatch(/^v1::/);
});

test("a record never moves between the public space and a namespace", async () => {
  await using miner = await MinerUnderTest.start();
  const body = { raw_embedding: unit, metadata: { k: "v" } };
  const { cid } = (await miner.post("IngestSynapse", body)).json;
  expect((await miner.namespacePost(alice, "ns", "IngestSynapse", body)).json.cid).toBe(cid);
  expect((await miner.retrieve(cid)).status).toBe(200);
  expect((await miner.namespacePost(alice, "ns", "list", {})).json.count).toBe(1);
  // Alice owns the copy in her namespace, not the anonymous public one.
  expect((await miner.delete(alice, cid)).status).toBe(200);
  expect((await miner.retrieve(cid)).status).toBe(200);
  expect((await miner.namespacePost(alice, "ns", "list", {})).json.count).toBe(0);
});

test("every reply about a private namespace has a bucket's size and takes whole steps of 100 ms", async () => {
  await using made = await withCanary();
  const { miner, cid } = made;
  const long = { raw_embedding: tilted, metadata: { _enc: "x".repeat(3000) } };
  await miner.namespacePost(alice, "ns", "IngestSynapse", long);
  miner.clock.slept.length = 0;
  const replies = [
    await miner.namespacePost(alice, "ns", "QuerySynapse", { query_vector: unit, top_k: 1 }),
    await miner.namespacePost(alice, "ns", "QuerySynapse", { query_vector: unit }),
    await miner.namespacePost(bob, "ns", "QuerySynapse", { query_vector: unit }),
    await miner.post("QuerySynapse", { query_vector: unit, namespace: "ns", top_k: 500 }),
    await miner.post("QuerySynapse", { namespace: "ns", hotkey: alice.hotkey, nonce: 1, signature: "00" }),
    await miner.namespacePost(alice, "ns", "list", {}),
    await miner.namespacePost(bob, "ns", "list", {}),
  ];
  expect(replies.map(({ text }) => text.length)).toEqual([1024, 4096, 1024, 1024, 1024, 4096, 1024]);
  expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 400, 401, 200, 404]);
  expect(miner.clock.slept).toEqual(replies.map(() => 100));
  const plain = await miner.retrieve(cid);
  expect(plain.text.length).toBeLessThan(100);
});
