import { readFile, stat, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { watchTokens } from "../../src/mcp/token-source.ts";
import { addToken, principalHome, principalOf, readTokens, removeToken, tokensFile } from "../../src/mcp/tokens.ts";
import { RateLimiter } from "../../src/mcp/transports/rate-limit.ts";
import { openMemoryClient } from "../../src/node/client/open-client.ts";
import { createLogger } from "../../src/node/runtime/logger.ts";
import { FakeMemoryClient } from "../support/fake-memory-client.ts";
import { connect } from "../support/mcp-clients.ts";
import { serveForTest, temporaryFolder } from "../support/mcp-server.ts";

const ping = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" });
const json = { "content-type": "application/json", accept: "application/json, text/event-stream" };

/** By node:http, as fetch sets Host itself. */
function post(url: string, headers: Record<string, string>, body = ping, path = "/mcp"): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, url), { method: "POST", headers: { ...json, ...headers } }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode ?? 0));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/** Without a stated length, as clients and proxies that stream send it; the status and the body. */
function postChunked(url: string, chunks: readonly string[]): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { ...json, "transfer-encoding": "chunked" };
    const sent = request(new URL("/mcp", url), { method: "POST", headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.on("error", reject);
    for (const chunk of chunks) sent.write(chunk);
    sent.end();
  });
}

describe("who may ask", () => {
  test.each([
    ["a foreign Host", { host: "evil.example" }, 403],
    ["a Host that only begins like loopback", { host: "127.0.0.1.evil.example" }, 403],
    ["a Host with a user part", { host: "localhost@evil.example" }, 400],
    ["a foreign Origin", { origin: "https://evil.example" }, 403],
    ["an opaque Origin", { origin: "null" }, 403],
    ["an Origin that only begins like loopback", { origin: "http://localhost.evil.example" }, 403],
    ["loopback by name", { host: "localhost:1234" }, 200],
    ["an Origin on loopback", { origin: "http://localhost:6274" }, 200],
    ["neither", {}, 200],
  ])("%s", async (_, headers, status) => {
    await using server = await serveForTest();
    expect(await post(server.url, headers)).toBe(status);
  });

  test("nothing is served beside /mcp", async () => {
    await using server = await serveForTest();
    for (const path of ["/", "/mcp/", "/mcpx", "/sse"]) expect(await post(server.url, {}, ping, path)).toBe(404);
  });

  test("a body has a limit, and must be JSON", async () => {
    await using server = await serveForTest();
    const big = `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"${"x".repeat(9 * 1024 * 1024)}"}}`;
    expect(await post(server.url, {}, big)).toBe(413);
    expect(await post(server.url, { "content-type": "text/plain" })).toBe(415);
    expect(await post(server.url, {}, "{")).toBe(400);
    expect(await post(server.url, {})).toBe(200);
  });

  test("a caller who asks too much waits, and others do not", async () => {
    await using folder = await temporaryFolder();
    const ana = (await addToken(folder.path, "ana", new Date())).reveal();
    const bob = (await addToken(folder.path, "bob", new Date())).reveal();
    const http = { rate: { burst: 3, perSecond: 0.001 } };
    await using server = await serveForTest({ tokens: await readTokens(folder.path), http });
    const as = (token: string) => post(server.url, { authorization: `Bearer ${token}` });
    expect([await as(ana), await as(ana), await as(ana), await as(ana)]).toEqual([200, 200, 200, 429]);
    expect(await as(bob)).toBe(200);
  });

  test("the bucket refills with time", () => {
    let now = 0;
    const limiter = new RateLimiter({ burst: 2, perSecond: 10 }, () => now);
    expect([limiter.take("a"), limiter.take("a"), limiter.take("a")]).toEqual([0, 0, 100]);
    now = 100;
    expect([limiter.take("a"), limiter.take("a")]).toEqual([0, 100]);
  });
});

describe("bodies", () => {
  test("one that comes in chunks is read, and cut off at the same size", async () => {
    await using server = await serveForTest();
    const half = ping.length / 2;
    const read = await postChunked(server.url, [ping.slice(0, half), ping.slice(half)]);
    expect(read).toEqual({ status: 200, text: expect.stringContaining('"result":{}') });
    const mebibyte = "x".repeat(2 ** 20);
    const refused = await postChunked(server.url, ['{"x":"', ...Array.from({ length: 9 }, () => mebibyte), '"}']);
    expect(refused).toMatchObject({ status: 413 });
  });

  test.each(["OPTIONS", "GET", "PUT", "PATCH", "DELETE"])(
    "%s without one is not served, and breaks nothing",
    async (method) => {
      await using server = await serveForTest();
      const response = await fetch(new URL("/mcp", server.url), { method });
      expect(response.status).toBe(405);
      await response.text();
    },
  );
});

describe("principals", () => {
  test("every token has memories of its own", async () => {
    await using home = await temporaryFolder();
    const ana = (await addToken(home.path, "ana", new Date())).reveal();
    const bob = (await addToken(home.path, "bob", new Date())).reveal();
    const log = createLogger({ level: "silent" });
    await using server = await serveForTest({
      tokens: await readTokens(home.path),
      openClient: async (caller) => {
        if (caller.kind !== "principal") throw new Error("no caller may be the home's own");
        return openMemoryClient({ home: principalHome(home.path, caller.name), log });
      },
    });
    await using one = await connect({ url: server.url, token: ana }, "auto");
    await using two = await connect({ url: server.url, token: bob }, "legacy");
    const stored = await one.call("engram_store", { text: "Ana's safe word is kumquat", namespace: "secrets" });
    const [{ id }] = stored.data["stored"] as [{ id: string }];
    expect((await two.call("engram_query", { query: "kumquat", scope: "all" })).data["hits"]).toEqual([]);
    expect((await two.call("engram_get", { ids: [id] })).data).toEqual({ items: [], missing: [id] });
    expect((await two.call("engram_delete", { ids: [id] })).data).toMatchObject({ count: 0, missing: [id] });
    expect((await two.call("engram_namespaces")).data).toEqual({ namespaces: [] });
    expect((await one.call("engram_query", { query: "kumquat" })).text).toContain(id);
    const hotkeys = [await one.call("engram_status"), await two.call("engram_status")].map(
      ({ data }) => data["hotkey"],
    );
    expect(new Set(hotkeys).size).toBe(2);
  });

  test("without a token, or with a wrong one, nobody gets in", async () => {
    await using folder = await temporaryFolder();
    const token = (await addToken(folder.path, "ana", new Date())).reveal();
    await using server = await serveForTest({ tokens: await readTokens(folder.path) });
    expect(await post(server.url, {})).toBe(401);
    for (const wrong of ["Bearer ", "Bearer engram_x", `Basic ${token}`, `Bearer ${token}x`, "Bearer \u00e9"]) {
      expect(await post(server.url, { authorization: wrong })).toBe(401);
    }
    expect(await post(server.url, { authorization: `Bearer ${token}` })).toBe(200);
  });

  test("a token works at once, and stops at once when it is removed, down to the last", async () => {
    await using home = await temporaryFolder();
    let now = 0;
    const ana = (await addToken(home.path, "ana", new Date())).reveal();
    await using server = await serveForTest({ http: { tokens: watchTokens(home.path, () => now) } });
    const as = (token: string) => post(server.url, { authorization: `Bearer ${token}` });
    expect(await as(ana)).toBe(200);
    const bob = (await addToken(home.path, "bob", new Date())).reveal();
    now += 1_000;
    expect(await as(bob)).toBe(200);
    expect(await removeToken(home.path, "ana")).toBe(true);
    expect(await removeToken(home.path, "bob")).toBe(true);
    now += 1_000;
    expect([await as(ana), await as(bob), await post(server.url, {})]).toEqual([401, 401, 401]);
  });

  test("the file holds hashes alone, for the owner alone", async () => {
    await using home = await temporaryFolder();
    const token = (await addToken(home.path, "ana", new Date())).reveal();
    const path = join(home.path, tokensFile);
    expect(await readFile(path, "utf8")).not.toContain(token.slice(10));
    if (process.platform !== "win32") expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(principalOf(await readTokens(home.path), token)).toBe("ana");
    expect(principalOf(await readTokens(home.path), `${token}a`)).toBeUndefined();
    await expect(addToken(home.path, "ana", new Date())).rejects.toMatchObject({ code: "TOKEN_EXISTS" });
    await expect(addToken(home.path, "../x", new Date())).rejects.toMatchObject({ code: "TOKEN_NAME_INVALID" });
    await writeFile(path, "{");
    await expect(readTokens(home.path)).rejects.toMatchObject({ code: "TOKENS_UNREADABLE" });
  });

  test("beyond loopback the server does not start without tokens or names", async () => {
    const start = (hostname: string, tokens: Awaited<ReturnType<typeof readTokens>> = []) =>
      serveForTest({ tokens, http: { hostname } });
    await expect(start("0.0.0.0")).rejects.toMatchObject({ code: "MCP_NEEDS_TOKENS" });
    await expect(start("::")).rejects.toMatchObject({ code: "MCP_NEEDS_TOKENS" });
    const token = { name: "ana", sha256: "0".repeat(64), created: "2026-11-22T00:00:00Z" };
    await expect(start("0.0.0.0", [token])).rejects.toMatchObject({ code: "MCP_NEEDS_HOSTS" });
  });
});

describe("the server's namespace", () => {
  test("confines every tool", async () => {
    const fake = new FakeMemoryClient();
    const { stored } = await fake.store({ items: [{ text: "blue tea" }], namespace: "other" });
    const outside = stored[0]?.id ?? "";
    await using server = await serveForTest({ openClient: async () => fake, namespace: "mine" });
    await using session = await connect(server, "auto");
    await session.call("engram_store", { text: "green tea" });
    expect((await session.call("engram_query", { query: "tea" })).text).not.toContain(outside);
    expect((await session.call("engram_list", {})).text).not.toContain(outside);
    expect((await session.call("engram_get", { ids: [outside] })).data).toEqual({ items: [], missing: [outside] });
    expect((await session.call("engram_delete", { ids: [outside] })).data).toMatchObject({ missing: [outside] });
    expect((await session.call("engram_namespaces")).data).toMatchObject({ namespaces: [{ name: "mine" }] });
    const refused = { code: "NAMESPACE_PINNED" };
    expect((await session.call("engram_store", { text: "x", namespace: "other" })).data).toMatchObject(refused);
    expect((await session.call("engram_store", { text: "x", public: true })).data).toMatchObject(refused);
    expect((await session.call("engram_query", { query: "x", namespaces: ["other"] })).data).toMatchObject(refused);
    expect((await session.call("engram_query", { query: "x", scope: "all" })).data).toMatchObject(refused);
    expect((await session.call("engram_delete", { namespace: "other" })).data).toMatchObject(refused);
    const replacing = await session.call("engram_store", { text: "x", replaces: outside });
    expect(replacing.data).toMatchObject({ code: "MEMORY_NOT_FOUND" });
    await expect(session.client.readResource({ uri: `engram://memory/${outside}` })).rejects.toThrow();
    expect(fake.memories.has(outside)).toBe(true);
  });
});

test("closing closes the memories", async () => {
  const fake = new FakeMemoryClient();
  const server = await serveForTest({ openClient: async () => fake });
  await using session = await connect(server, "auto");
  await session.call("engram_status");
  await server[Symbol.asyncDispose]();
  expect(fake.closed).toBe(true);
  await expect(fetch(server.url)).rejects.toThrow();
});
