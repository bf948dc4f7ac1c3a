import { afterAll, expect, test } from "vitest";
import { openApiDocument } from "../../src/node/protocol/openapi.ts";
import { MinerUnderTest, TestKey, tilted, unit } from "./miner-under-test.ts";

const miner = await MinerUnderTest.start();
afterAll(() => miner[Symbol.asyncDispose]());
const alice = new TestKey();
const bob = new TestKey();
const neuron = { coldkey: bob.hotkey, stakeTao: 5, validatorPermit: false };

test("the metagraph is the last block's neurons; none while the chain does not answer", async () => {
  miner.chain.neurons = [
    { ...neuron, uid: 0, hotkey: alice.hotkey, endpoint: "http://192.0.2.1:8091", incentive: 0.1234567 },
    { ...neuron, uid: 1, hotkey: bob.hotkey, endpoint: "https://[2001:db8::1]", incentive: 0 },
    { ...neuron, uid: 2, hotkey: miner.identity.hotkey, endpoint: null, incentive: 0 },
  ];
  miner.restart();
  const { text } = await miner.call("GET", "/metagraph");
  const row = (uid: number, hotkey: string, rest: string) => `{"uid": ${uid}, "hotkey": "${hotkey}", ${rest}}`;
  const rows = [
    row(0, alice.hotkey, '"ip": "192.0.2.1", "port": 8091, "incentive": 0.123457'),
    row(1, bob.hotkey, '"ip": "2001:db8::1", "port": 443, "incentive": 0.0'),
    row(2, miner.identity.hotkey, '"ip": null, "port": null, "incentive": 0.0'),
  ];
  expect(text).toBe(`{"neurons": [${rows.join(", ")}], "block": 123}`);
  miner.chain.answers = false;
  miner.restart();
  expect((await miner.call("GET", "/metagraph")).text).toBe('{"neurons": [], "block": null}');
  miner.chain.answers = true;
  miner.restart();
});

test("wallet statistics count verified hotkeys alone, the newest first, and name no private record", async () => {
  const cid = (await miner.signedPost(alice, "IngestSynapse", { raw_embedding: unit })).json.cid;
  const hidden = { raw_embedding: tilted, ...alice.namespace("ns", miner.nonce()) };
  const secret = (await miner.signedPost(alice, "IngestSynapse", hidden)).json.cid;
  expect(secret).toMatch(/^v1::/);
  await miner.post("IngestSynapse", { raw_embedding: unit, hotkey: bob.hotkey });
  miner.clock.time += 1_000;
  await miner.signedPost(bob, "QuerySynapse", { query_vector: unit });
  const lastSeen = miner.clock.now() / 1000;
  const { text, json } = await miner.adminCall("GET", "/wallet-stats");
  expect(json).toMatchObject([
    { hotkey: bob.hotkey, ingest_count: 0, query_count: 1, last_seen: lastSeen, cid_count: 0 },
    { hotkey: alice.hotkey, ingest_count: 2, query_count: 0, cid_count: 1 },
  ]);
  expect(Object.keys(json[0])).toEqual(["hotkey", "ingest_count", "query_count", "last_seen", "cid_count"]);
  const one = await miner.adminCall("GET", `/wallet-stats/${alice.hotkey}`);
  expect(one.json).toMatchObject({ ingest_count: 2, query_count: 0, cids: [cid] });
  expect(text + one.text).not.toContain(secret);
  const unknown = await miner.adminCall("GET", "/wallet-stats/abc");
  expect(unknown.text).toBe('{"ingest_count": 0, "query_count": 0, "last_seen": 0.0, "cids": []}');
});

test("metrics keep the reference's names, and count what happened by its outcome", async () => {
  miner.restart({ minIngestStakeTao: 10 });
  await miner.post("IngestSynapse", { raw_embedding: unit });
  await miner.post("IngestSynapse", { raw_embedding: [1] });
  await miner.post("IngestSynapse", { raw_embedding: unit, hotkey: "x", nonce: 1, signature: "00" });
  expect((await miner.signedPost(alice, "IngestSynapse", { raw_embedding: unit })).json.error).toMatch(/stake/);
  await miner.post("QuerySynapse", { query_vector: unit });
  await miner.post("QuerySynapse", { query_vector: unit, top_k: 500 });
  await miner.post("ChallengeSynapse", {});
  await miner.retrieve("v1::unknown");
  const { headers, text } = await miner.adminCall("GET", "/metrics");
  expect(headers.get("content-type")).toMatch(/^text\/plain/);
  for (const line of [
    ...['engram_ingest_total{status="ok"} 1', 'engram_ingest_total{status="error"} 1'],
    ...['engram_ingest_total{status="auth_error"} 1', 'engram_ingest_total{status="low_stake"} 1'],
    ...['engram_query_total{status="ok"} 1', 'engram_query_total{status="error"} 1'],
    ...[
      'engram_proof_total{result="error"} 1',
      "engram_ingest_duration_ms_count 4",
      "engram_query_duration_ms_count 1",
    ],
    ...['engram_ingest_duration_ms_bucket{le="2500"}', 'engram_query_duration_ms_bucket{le="1"}'],
    ...["engram_vectors_stored 2", "engram_peers_online 2", "engram_score 0.1234567"],
    'engram_http_requests_total{route="/retrieve/:cid",status="404"} 1',
  ]) {
    expect(text).toContain(line);
  }
  expect(text).not.toMatch(/^engram_proof_success_rate /m);
});

test("the number of private records is the operator's to know", async () => {
  await using miner = await MinerUnderTest.start();
  const owner = new TestKey();
  await miner.post("IngestSynapse", { raw_embedding: unit });
  const sealed = { raw_embedding: unit, metadata: { _enc: "sealed" } };
  expect((await miner.namespacePost(owner, "garden", "IngestSynapse", sealed)).json.error).toBeNull();
  expect(await miner.store.count()).toBe(2);
  expect((await miner.call("GET", "/stats")).json.vectors).toBe(1);
  expect((await miner.adminCall("GET", "/metrics")).text).toContain("engram_vectors_stored 2");
});

test("the proof rate counts challenges that were due an answer", async () => {
  const cid = (await miner.post("IngestSynapse", { raw_embedding: unit })).json.cid;
  const challenge = { cid, nonce_hex: "00".repeat(32), expires_at: Math.floor(miner.clock.now() / 1000) + 60 };
  miner.restart();
  expect((await miner.call("GET", "/stats")).json.proof_rate).toBeNull();
  expect((await miner.post("ChallengeSynapse", { ...challenge, cid: "v1::none" })).status).toBe(404);
  expect((await miner.post("ChallengeSynapse", challenge)).status).toBe(200);
  expect((await miner.call("GET", "/stats")).text).toContain('"proof_rate": 1.0');
});

test("the OpenAPI document has every route that is served, and its schemas are those that read", async () => {
  const { status, json } = await miner.call("GET", "/openapi.json");
  expect(status).toBe(200);
  expect(json).toMatchObject({ openapi: "3.1.0", servers: [{ url: "/" }] });
  const documented = Object.entries(json.paths).flatMap(([path, methods]) =>
    Object.keys(methods as object).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(documented.toSorted()).toEqual(miner.routes().toSorted());
  const ingest = json.paths["/IngestSynapse"].post.requestBody.content["application/json"].schema;
  expect(ingest.properties.raw_embedding).toEqual({ type: "array", items: { type: "number" } });
  for (const field of ["namespace_sig", "cid_override", "signature"]) expect(ingest.properties).toHaveProperty(field);
  for (const path of ["/namespace", "/metrics"]) {
    const [operation] = Object.values(json.paths[path]) as { security: unknown }[];
    expect(operation?.security).toEqual([{ admin: [] }]);
  }
});

test("routes that not every miner serves are documented where they are", () => {
  const paths = (caps: readonly string[]) => (openApiDocument("/", caps) as { paths: object }).paths;
  expect(paths(["archive1"])).toHaveProperty(["/ArchiveSynapse"]);
  expect(paths([])).not.toHaveProperty(["/ArchiveSynapse"]);
});

test("HEAD works on every route that GET works on (spec 7)", async () => {
  for (const path of ["/health", "/stats", "/metagraph", "/openapi.json", "/attestation/x"]) {
    expect(await miner.call("HEAD", path)).toMatchObject({ status: 200, text: "" });
  }
  expect((await miner.call("HEAD", "/IngestSynapse")).status).toBe(405);
});

test("chat history is not served", async () => {
  for (const path of ["/chat-history/u", "/conversations/u"]) {
    expect(await miner.call("GET", path)).toMatchObject({ status: 404, text: "404: Not Found" });
  }
});
