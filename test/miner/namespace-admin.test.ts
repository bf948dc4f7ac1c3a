import { pbkdf2Sync } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { Secret } from "../../src/node/runtime/secret.ts";
import { type Answer, MinerUnderTest, TestKey, unit } from "./miner-under-test.ts";

const miner = await MinerUnderTest.start();
afterAll(() => miner[Symbol.asyncDispose]());
const alice = new TestKey();
const KEY = "sixteen letters!";
const TOKEN = "t".repeat(40);

const admin = (body: object) => miner.adminCall("POST", "/namespace", body);
const query = (namespace: string, namespace_key: string, more: object = {}) =>
  miner.post("QuerySynapse", { query_vector: unit, namespace, namespace_key, ...more });

/** An old namespace with a record in it, as the reference left it. */
async function oldNamespace(namespace: string): Promise<void> {
  expect((await admin({ action: "create", namespace, key: KEY })).json).toEqual({ ok: true, namespace });
  const record = { namespace, cid: `v1::${namespace}`, embedding: Float32Array.from(unit), metadata: '{"old": 1}' };
  await miner.store.put([{ ...record, ingestedBy: null, createdAt: 1, expiresAt: null }]);
}

test("the key of an old namespace queries it, and nothing else", async () => {
  await oldNamespace("old");
  expect((await query("old", KEY)).json.results).toMatchObject([{ cid: "v1::old", metadata: { old: 1 } }]);
  const wrong = await query("old", "another key of 16");
  expect(wrong.json).toMatchObject({ results: [], error: expect.stringContaining("namespace_hotkey") });
  expect((await query("none", KEY)).json).toEqual(wrong.json);
  expect((await query("old", "short")).json).toEqual(wrong.json);
  expect((await query("__public__", KEY)).json.results).toEqual([]);
  const proof = { namespace: "old", namespace_key: KEY };
  const ingest = await miner.post("IngestSynapse", { raw_embedding: unit, ...proof });
  expect(ingest.json).toMatchObject({ cid: null, error: expect.stringContaining("namespace_hotkey") });
  expect((await miner.post("list", proof)).status).toBe(403);
  expect((await miner.post("RepairSynapse", { cid: "v1::old", ...proof })).status).toBe(404);
  expect(await miner.store.count("old")).toBe(1);
});

test("a key never opens a namespace that has an owner, nor a signature one that has a key", async () => {
  await oldNamespace("keyed");
  await miner.namespacePost(alice, "owned", "IngestSynapse", { raw_embedding: unit });
  expect((await query("owned", KEY)).json.results).toEqual([]);
  expect((await admin({ action: "create", namespace: "owned", key: KEY })).status).toBe(400);
  const claim = await miner.namespacePost(alice, "keyed", "IngestSynapse", { raw_embedding: unit });
  expect(claim.json).toMatchObject({ cid: null, error: expect.any(String) });
  expect((await miner.namespacePost(alice, "keyed", "list", {})).status).toBe(404);
});

test.each<[string, (fields: ReturnType<TestKey["namespace"]>) => object]>([
  ["signature", ({ namespace_sig: _, ...rest }) => rest],
  ["hotkey", ({ namespace_hotkey: _, ...rest }) => rest],
  ["timestamp", ({ namespace_timestamp_ms: _, ...rest }) => rest],
])("without its %s a signed claim is not judged by a key beside it", async (_, strip) => {
  const left = strip(alice.namespace("old", miner.nonce()));
  expect((await miner.post("QuerySynapse", { query_vector: unit, ...left, namespace_key: KEY })).json.results).toEqual(
    [],
  );
});

test("what is kept of a key is neither the key nor what its records are encrypted under (M-W4, F2)", async () => {
  const encryptionKey = pbkdf2Sync(KEY, "old", 100_000, 32, "sha256");
  const verifier = await miner.store.namespaces.verifierOf("old");
  expect(verifier).toHaveLength(32);
  expect(Buffer.from(verifier ?? [])).not.toEqual(encryptionKey);
  for (const file of await readdir(miner.folder)) {
    const bytes = await readFile(join(miner.folder, file));
    for (const secret of [encryptionKey, encryptionKey.toString("hex"), KEY])
      expect(bytes.includes(secret)).toBe(false);
  }
});

test("rotate, delete and list do as the reference's, and a deleted name is never free again", async () => {
  await oldNamespace("turned");
  const other = "seventeen letters";
  expect((await admin({ action: "rotate", namespace: "turned", key: KEY, new_key: other })).text).toBe('{"ok": true}');
  expect((await query("turned", KEY)).json.results).toEqual([]);
  expect((await query("turned", other)).json.results).toHaveLength(1);
  expect((await admin({ action: "list" })).json.namespaces).toContain("turned");
  expect((await admin({ action: "delete", namespace: "turned", key: KEY })).status).toBe(403);
  expect((await admin({ action: "delete", namespace: "turned", key: other })).text).toBe('{"ok": true}');
  expect(await miner.store.count("turned")).toBe(0);
  expect((await query("turned", other)).json.results).toEqual([]);
  expect((await admin({ action: "list" })).json.namespaces).not.toContain("turned");
  expect((await admin({ action: "create", namespace: "turned", key: KEY })).status).toBe(400);
  const squat = await miner.namespacePost(alice, "turned", "IngestSynapse", { raw_embedding: unit });
  expect(squat.json).toMatchObject({ cid: null, error: expect.stringContaining("another owner") });
});

test.each<[number, object]>([
  [400, {}],
  [400, { action: "x" }],
  [400, { action: 5 }],
  [400, { action: "create", namespace: "n1" }],
  [400, { action: "create", namespace: "n1", key: "short" }],
  [400, { action: "create", namespace: "n-1", key: KEY }],
  [400, { action: "create", namespace: "__n1", key: KEY }],
  [400, { action: "create", key: KEY }],
  [400, { action: "rotate", namespace: "old", key: KEY }],
  [400, { action: "rotate", namespace: "old", key: KEY, new_key: "short" }],
  [403, { action: "rotate", namespace: "old", key: `${KEY}!`, new_key: `${KEY}!!` }],
  [403, { action: "delete", namespace: "nobodys", key: KEY }],
])("%i for %j", async (status, body) => {
  expect(await admin(body)).toMatchObject({ status, json: { error: expect.any(String) } });
});

const routes = [
  ["POST", "/namespace", { action: "list" }],
  ["GET", "/metrics", undefined],
  ["GET", "/wallet-stats", undefined],
  ["GET", `/wallet-stats/${alice.hotkey}`, undefined],
] as const;

test.each(routes)("%s %s is the operator's alone, whatever the peer's address", async (method, path, body) => {
  const text = body && JSON.stringify(body);
  const from = (peer: string, headers: Readonly<Record<string, string>> = {}) =>
    miner.call(method, path, text, headers, peer);
  const statuses = (answers: readonly Answer[]) => answers.map(({ status }) => status);
  const forwarded = { "x-forwarded-for": "127.0.0.1", host: "localhost" };
  const guesses = [
    await from("127.0.0.1"),
    await from("::1"),
    await from("198.51.100.1", forwarded),
    await from("127.0.0.1", { authorization: `Bearer ${TOKEN}` }),
    await from("127.0.0.1", { authorization: "Bearer " }),
  ];
  expect(statuses(guesses)).toEqual([403, 403, 403, 403, 403]);
  expect(guesses[0]?.text).toBe('{"error": "Forbidden"}');
  expect((await miner.adminCall(method, path, body)).status).toBe(200);
  const inProcess = await miner.fetch(
    new Request(`http://miner${path}`, { method, ...(text ? { body: text } : {}) }),
    {},
  );
  expect(inProcess.status).toBe(403);
  miner.restart({ adminToken: new Secret(TOKEN) });
  const tokens = ["", `Bearer ${TOKEN}x`, `Basic ${TOKEN}`, `Bearer ${TOKEN}`];
  const answers = [];
  for (const authorization of tokens) answers.push(await from("198.51.100.1", { authorization }));
  expect(statuses(answers)).toEqual([403, 403, 403, 200]);
  miner.restart();
});

test("a web page in the operator's browser does not reach the operator's listener", async () => {
  const ask = (host: string, headers: Readonly<Record<string, string>>) =>
    miner.fetch(new Request("http://127.0.0.1:8092/metrics", { headers: { host, ...headers } }), {
      peer: "127.0.0.1",
      admin: true,
    });
  expect((await ask("127.0.0.1:8092", {})).status).toBe(200);
  expect((await ask("localhost", {})).status).toBe(200);
  expect((await ask("127.0.0.1:8092", { origin: "https://evil.example" })).status).toBe(403);
  expect((await ask("rebound.example:8092", {})).status).toBe(403);
  expect((await ask("127.0.0.1.evil.example", {})).status).toBe(403);
});

test("on mainnet no key and no token is taken in clear, and over TLS they are", async () => {
  miner.restart({ refusePlainKeys: true, adminToken: new Secret(TOKEN) });
  const plain = await query("old", KEY);
  expect(plain).toMatchObject({ status: 400, json: { error: expect.stringContaining("https") } });
  expect((await miner.post("IngestSynapse", { text: "x", namespace: "old", namespace_key: KEY })).status).toBe(400);
  expect((await miner.post("list", { namespace: "old", namespace_key: KEY })).status).toBe(400);
  const body = JSON.stringify({ query_vector: unit, namespace: "old", namespace_key: KEY });
  const ask = async (url: string, bindings: object) => {
    const response = await miner.fetch(new Request(`${url}/QuerySynapse`, { method: "POST", body }), bindings);
    return ((await response.json()) as { results?: unknown[] }).results?.length;
  };
  expect(await ask("http://miner", { peer: "198.51.100.1", secure: true })).toBe(1);
  // The URL of a request is its sender's word.
  expect(await ask("https://miner", { peer: "198.51.100.1" })).toBeUndefined();
  const headers = { authorization: `Bearer ${TOKEN}` };
  expect((await miner.call("GET", "/metrics", undefined, headers)).status).toBe(403);
  const metrics = new Request("http://miner/metrics", { headers });
  expect((await miner.fetch(metrics, { peer: "198.51.100.1", secure: true })).status).toBe(200);
  miner.restart();
});
