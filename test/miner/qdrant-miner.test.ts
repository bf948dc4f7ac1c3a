import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { pino } from "pino";
import { afterAll, expect, test } from "vitest";
import { LocalChain } from "../../src/node/chain/local/local-chain.ts";
import { readMinerConfig } from "../../src/node/miner/miner-config.ts";
import { startMiner } from "../../src/node/miner/start-miner.ts";
import { systemClock } from "../../src/node/runtime/clock.ts";
import { createHttpClient } from "../../src/node/runtime/http-client.ts";
import { HashEmbedder } from "../support/hash-embedder.ts";
import { TestQdrant } from "../support/qdrant-server.ts";

const folder = await mkdtemp(join(tmpdir(), "engram-qdrant-miner-"));
const chain = new LocalChain({ path: join(folder, "chain.db") });
const qdrant = await TestQdrant.start({ apiKey: "sk-5b1e" });
afterAll(async () => {
  await chain[Symbol.asyncDispose]();
  await qdrant[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const deps = { embedder: new HashEmbedder(), chain, clock: systemClock, logger: pino({ level: "silent" }) };
const local = { ENGRAM_CHAIN: "local", MINER_PORT: "0" };
const http = createHttpClient();

async function post(url: string, route: string, body: object) {
  const reply = await http.postJson(`${url}/${route}`, JSON.stringify(body), {
    deadlineMs: 20_000,
    maxBytes: 1_000_000,
  });
  return { status: reply.status, headers: reply.headers, json: JSON.parse(reply.text) };
}

test("a miner stores without its Qdrant, says that it cannot search, and finds everything afterwards", async () => {
  const config = readMinerConfig({ ...local, QDRANT_URL: qdrant.url, QDRANT_API_KEY: "sk-5b1e" });
  await using miner = await startMiner(join(folder, "miner"), config, deps);
  const first = await post(miner.url, "IngestSynapse", { text: "the first" });
  const query = { query_text: "the first", top_k: 5 };
  expect((await post(miner.url, "QuerySynapse", query)).json.results).toMatchObject([{ cid: first.json.cid }]);
  expect(qdrant.collections.names()).toEqual(["engram"]);
  await qdrant.stop();
  const second = await post(miner.url, "IngestSynapse", { text: "the second" });
  expect(second).toMatchObject({ status: 200, json: { cid: expect.stringMatching(/^v1::/), error: null } });
  const refused = await post(miner.url, "QuerySynapse", query);
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "5"]);
  await qdrant.restart("all");
  await expect.poll(async () => (await post(miner.url, "QuerySynapse", query)).status, { timeout: 15_000 }).toBe(200);
  const found = (await post(miner.url, "QuerySynapse", query)).json.results;
  expect(found.map(({ cid }: { cid: string }) => cid).sort()).toEqual([first.json.cid, second.json.cid].sort());
});

test("on a cluster its collection is divided and copied as asked", async () => {
  const cluster = { QDRANT_COLLECTION: "spread", QDRANT_SHARDS: "6", QDRANT_REPLICATION_FACTOR: "3" };
  const config = readMinerConfig({ ...local, QDRANT_URL: qdrant.url, QDRANT_API_KEY: "sk-5b1e", ...cluster });
  await using miner = await startMiner(join(folder, "spread"), config, deps);
  expect((await post(miner.url, "IngestSynapse", { text: "the first" })).status).toBe(200);
  expect(qdrant.collections.describe("spread")).toMatchObject({
    config: { params: { shard_number: 6, replication_factor: 3, write_consistency_factor: 2 } },
  });
});

test("a miner with a key that its Qdrant refuses does not start", async () => {
  const config = readMinerConfig({ ...local, QDRANT_URL: qdrant.url, QDRANT_API_KEY: "sk-wrong" });
  const failure: unknown = await startMiner(join(folder, "denied"), config, deps).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "VECTOR_INDEX_DENIED", fix: expect.stringContaining("QDRANT_API_KEY") });
  expect(inspect([config, failure], { depth: 9 })).not.toContain("sk-wrong");
});

test("Qdrant is chosen by its address, or by the reference's variables", () => {
  const settings = (variables: object) => readMinerConfig({ ...local, ...variables }).qdrant;
  expect(settings({})).toBeUndefined();
  expect(settings({ QDRANT_HOST: "q", VECTOR_STORE_BACKEND: "faiss" })).toBeUndefined();
  expect(settings({ QDRANT_URL: "https://q:443" })).toEqual({ url: "https://q:443", collection: "engram" });
  const named = { VECTOR_STORE_BACKEND: "qdrant", QDRANT_HOST: "q", QDRANT_PORT: "7000", QDRANT_COLLECTION: "mine" };
  expect(settings(named)).toEqual({ url: "http://q:7000", collection: "mine" });
  expect(settings({ QDRANT_URL: "http://q", QDRANT_HNSW_EF: "128" })).toMatchObject({ hnswEf: 128 });
  const cluster = { QDRANT_URL: "http://q", QDRANT_SHARDS: "6", QDRANT_REPLICATION_FACTOR: "3" };
  expect(settings(cluster)).toMatchObject({ shards: 6, replicas: 3 });
  for (const wrong of [
    { QDRANT_URL: "q:6333" },
    { QDRANT_URL: "http://q", QDRANT_SHARDS: "0" },
    { QDRANT_URL: "http://q", QDRANT_COLLECTION: "a/b" },
    { QDRANT_URL: "http://q", QDRANT_HNSW_EF: "0" },
    { VECTOR_STORE_BACKEND: "pinecone" },
  ]) {
    expect(() => settings(wrong)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  }
});
