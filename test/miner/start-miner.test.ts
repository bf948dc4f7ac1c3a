import { mkdtemp, rm, stat } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, expect, test } from "vitest";
import { LocalChain } from "../../src/node/chain/local/local-chain.ts";
import { openEmbeddedMiner } from "../../src/node/miner/embedded-miner.ts";
import { readMinerConfig } from "../../src/node/miner/miner-config.ts";
import { startMiner } from "../../src/node/miner/start-miner.ts";
import { verifyCapabilities } from "../../src/node/protocol/capabilities.ts";
import { systemClock } from "../../src/node/runtime/clock.ts";
import { createHttpClient } from "../../src/node/runtime/http-client.ts";
import { HashEmbedder } from "../support/hash-embedder.ts";
import { sr25519, TestKey, unit } from "./miner-under-test.ts";

const folder = await mkdtemp(join(tmpdir(), "engram-start-"));
const chain = new LocalChain({ path: join(folder, "chain.db") });
afterAll(async () => {
  await chain[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const deps = { embedder: new HashEmbedder(), chain, clock: systemClock, logger: pino({ level: "silent" }) };
const config = readMinerConfig({ ENGRAM_CHAIN: "local", MINER_PORT: "0" });
const limits = { deadlineMs: 10_000, maxBytes: 1_000_000 };
const http = createHttpClient();
const alice = new TestKey();

test("a miner over TCP stores, tells the chain where it is, and keeps records and hotkey over a restart", async () => {
  const home = join(folder, "tcp");
  let cid: string;
  let hotkey: string;
  {
    await using miner = await startMiner(home, config, deps);
    hotkey = miner.hotkey;
    const { neurons } = await chain.metagraph();
    expect(neurons).toContainEqual(expect.objectContaining({ hotkey: miner.hotkey, endpoint: miner.url }));
    const body = alice.signed("IngestSynapse", JSON.stringify({ raw_embedding: unit }), Date.now());
    const reply = await http.postJson(`${miner.url}/IngestSynapse`, body, limits);
    expect(reply.status).toBe(200);
    cid = JSON.parse(reply.text).cid;
    expect((await http.postJson(`${miner.url}/IngestSynapse`, body, limits)).status).toBe(401);
  }
  await using miner = await startMiner(home, config, deps);
  expect(miner.hotkey).toBe(hotkey);
  const url = `${miner.url}/retrieve/${encodeURIComponent(cid)}`;
  expect((await http.get(url, limits)).status).toBe(200);
  expect((await http.delete(url, null, limits)).status).toBe(401);
  const body = alice.signed("DeleteSynapse", JSON.stringify({ cid }), Date.now());
  expect(await http.delete(url, body, limits)).toMatchObject({
    status: 200,
    text: `{"deleted": true, "cid": "${cid}"}`,
  });
  expect((await http.get(url, limits)).status).toBe(404);
});

test("its capabilities are signed by its own hotkey, and a changed word undoes the signature", async () => {
  await using miner = await startMiner(join(folder, "caps"), config, deps);
  const { status, caps } = JSON.parse((await http.get(`${miner.url}/health`, limits)).text);
  expect(status).toBe("ok");
  const chainIdentity = await chain.identity();
  const stated = {
    chain: chainIdentity,
    hotkey: miner.hotkey,
    caps: ["private1", "expiry1", "auth2", "keyshare2", "proof2", "nsowner1", "grant1"],
    endpoint: miner.url,
  };
  expect(verifyCapabilities(sr25519, caps)).toMatchObject({ ...stated, profile: { model: "hash-8", dim: 8 } });
  expect(verifyCapabilities(sr25519, { ...caps, caps: [...caps.caps, "proof2"] })).toBeUndefined();
});

test("stats name the neuron and count what is held", async () => {
  await using miner = await startMiner(join(folder, "stats"), config, deps);
  await http.postJson(`${miner.url}/IngestSynapse`, '{"text":"x"}', limits);
  await http.postJson(`${miner.url}/QuerySynapse`, '{"query_text":"x"}', limits);
  const stats = JSON.parse((await http.get(`${miner.url}/stats`, limits)).text);
  expect(stats).toMatchObject({ status: "ok", vectors: 1, queries_today: 1, hotkey: miner.hotkey, proof_rate: null });
  expect(stats.uid).toBe(await chain.uidOf(miner.hotkey));
  expect(stats.p50_latency_ms).toBeGreaterThanOrEqual(0);
});

test("the operator's routes are on a listener of their own, and on the public one by token alone", async () => {
  const token = "t".repeat(32);
  const withAdmin = readMinerConfig({
    ...{ ENGRAM_CHAIN: "local", MINER_PORT: "0", ENGRAM_ADMIN_PORT: "0", ENGRAM_ADMIN_TOKEN: token },
  });
  const told: string[] = [];
  const logger = pino({ level: "info" }, { write: (line: string) => void told.push(line) });
  await using miner = await startMiner(join(folder, "operator"), withAdmin, { ...deps, logger });
  const { url: adminUrl } = JSON.parse(told.find((line) => line.includes("operator")) ?? "{}") as { url: string };
  expect(told.join("")).not.toContain(token);
  expect((await http.get(`${adminUrl}/metrics`, limits)).text).toContain("engram_vectors_stored 0");
  expect((await http.get(`${miner.url}/metrics`, limits)).status).toBe(403);
  const headers = { authorization: `Bearer ${token}` };
  expect((await http.get(`${miner.url}/metrics`, { ...limits, headers })).status).toBe(200);
  expect((await http.get(`${miner.url}/wallet-stats`, { ...limits, headers: {} })).status).toBe(403);
});

test("an operator's listener beyond this machine shows figures, and opens none of the operator's routes", async () => {
  // Resolves to this machine, but is not written as one of its addresses.
  const own = { ENGRAM_CHAIN: "local", MINER_PORT: "0", ENGRAM_ADMIN_PORT: "0", ENGRAM_ADMIN_HOST: "127.1" };
  await using miner = await startMiner(join(folder, "figures"), readMinerConfig(own), deps);
  const at = async (path: string, headers = {}) =>
    (await http.get(`${miner.operatorUrl}${path}`, { ...limits, headers })).status;
  expect(await at("/metrics")).toBe(200);
  expect(await at("/health")).toBe(200);
  expect(await at("/ready")).toBe(200);
  expect(await at("/wallet-stats")).toBe(404);
  expect(await at("/metrics", { origin: "https://example.org" })).toBe(403);
  const asked = await http.postJson(`${miner.operatorUrl}/namespace`, '{"action":"list"}', limits);
  expect(asked.status).toBe(405);
});

test("clients behind a trusted proxy are limited one by one, others cannot choose their address", async () => {
  const variables = { ENGRAM_CHAIN: "local", MINER_PORT: "0", RATE_LIMIT_MAX_REQUESTS: "2" };
  const behind = readMinerConfig({ ...variables, ENGRAM_TRUSTED_PROXIES: "127.0.0.1" });
  const statuses = async (url: string) => {
    const answers = [];
    for (const client of ["198.51.100.1", "198.51.100.1", "198.51.100.1", "198.51.100.2"]) {
      const headers = { "x-forwarded-for": client };
      answers.push((await http.postJson(`${url}/QuerySynapse`, '{"query_text":"x"}', { ...limits, headers })).status);
    }
    return answers;
  };
  {
    await using miner = await startMiner(join(folder, "proxied"), behind, deps);
    expect(await statuses(miner.url)).toEqual([200, 200, 429, 200]);
  }
  await using miner = await startMiner(join(folder, "proxied"), readMinerConfig(variables), deps);
  expect(await statuses(miner.url)).toEqual([200, 200, 429, 429]);
});

test("garbage on the socket closes it, a body over 10 MiB is a 413, and the miner serves on", async () => {
  await using miner = await startMiner(join(folder, "garbage"), config, deps);
  const port = Number(new URL(miner.url).port);
  for (const garbage of [
    "\0\0\0\0\r\n\r\n",
    "GET / HTTP/9.9\r\n\r\n",
    "POST /list HTTP/1.1\r\n\r\n",
    "G".repeat(30_000),
  ]) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const socket = connect(port, "127.0.0.1", () => socket.end(garbage));
    socket.on("error", () => undefined);
    socket.on("close", () => resolve());
    socket.resume();
    await promise;
  }
  const large = " ".repeat(10 * 1024 * 1024 + 1);
  expect((await http.postJson(`${miner.url}/IngestSynapse`, large, limits)).status).toBe(413);
  expect((await http.get(`${miner.url}/health`, limits)).status).toBe(200);
});

test("an embedded miner serves the same routes without a socket, with a hotkey of its own in its folder", async () => {
  const home = join(folder, "embedded");
  let hotkey: string;
  {
    await using miner = await openEmbeddedMiner(home, deps);
    await using second = await openEmbeddedMiner(home, deps);
    expect(second.hotkey).toBe(miner.hotkey);
    hotkey = miner.hotkey;
    const inProcess = createHttpClient(miner.fetch);
    const { text } = await inProcess.postJson("http://embedded/IngestSynapse", '{"text":"x"}', limits);
    const url = `http://embedded/retrieve/${JSON.parse(text).cid}`;
    expect((await createHttpClient(second.fetch).get(url, limits)).status).toBe(200);
    const health = JSON.parse((await inProcess.get("http://embedded/health", limits)).text);
    expect(verifyCapabilities(sr25519, health.caps)?.hotkey).toBe(hotkey);
    // Nobody limits the own process: over TCP an address gets 100 of these a minute.
    for (let n = 0; n < 120; n += 1) {
      const reply = await inProcess.postJson("http://embedded/QuerySynapse", '{"query_text":"x"}', limits);
      expect(reply.status).toBe(200);
    }
  }
  expect((await stat(join(home, "identity", "hotkey"))).mode & 0o077).toBe(0);
  await using again = await openEmbeddedMiner(home, deps);
  expect(again.hotkey).toBe(hotkey);
});

test.each([
  ["mainnet", { ENGRAM_CHAIN: "local", ENGRAM_ENV: "mainnet" }],
  ["every address", { ENGRAM_CHAIN: "local", ENGRAM_MINER_HOST: "0.0.0.0" }],
  ["an address of the network", { ENGRAM_CHAIN: "local", ENGRAM_MINER_HOST: "192.0.2.1" }],
])("the simulated chain is refused on %s", async (_, environment) => {
  const refused = startMiner(join(folder, "refused"), readMinerConfig({ ...environment, MINER_PORT: "0" }), deps);
  await expect(refused).rejects.toMatchObject({ code: "CHAIN_LOCAL_REFUSED" });
});

test("mainnet requires signatures whatever is told it, and bad variables are named without their values", () => {
  const read = (environment: Record<string, string>) => readMinerConfig({ ENGRAM_CHAIN: "local", ...environment });
  expect(read({}).options).toMatchObject({ requireSignatures: false, rateLimit: 100, rateWindowSeconds: 60 });
  expect(read({ ENGRAM_ENV: "mainnet" }).options.requireSignatures).toBe(true);
  expect(read({ ENGRAM_ENV: "mainnet" }).options.refusePlainKeys).toBe(true);
  expect(() => read({ ENGRAM_ENV: "mainnet", REQUIRE_HOTKEY_SIG: "false" })).toThrow(
    expect.objectContaining({ code: "CONFIG_INVALID" }),
  );
  expect(read({ REQUIRE_HOTKEY_SIG: "true" }).options.requireSignatures).toBe(true);
  expect(read({ ALLOWED_VALIDATOR_HOTKEYS: `${alice.hotkey}, ` }).options.allowedHotkeys).toEqual(
    new Set([alice.hotkey]),
  );
  expect(() => readMinerConfig({})).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  for (const name of [
    ...["MINER_PORT", "RATE_LIMIT_MAX_REQUESTS", "REQUIRE_HOTKEY_SIG", "ALLOWED_VALIDATOR_HOTKEYS"],
    ...["ENGRAM_ADMIN_TOKEN", "ENGRAM_ADMIN_PORT", "ENGRAM_TRUSTED_PROXIES"],
  ]) {
    expect(() => read({ [name]: "s3cret" })).toThrow(new RegExp(`^(?!.*s3cret).*${name}`));
  }
});
