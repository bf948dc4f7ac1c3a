import { afterEach, beforeEach, expect, test } from "vitest";
import { openEngram } from "../../src/node/open-engram.ts";
import { startHttpServer } from "../../src/node/runtime/http-server.ts";
import { quiet } from "../support/client-bench.ts";
import { serveForTest, temporaryFolder } from "../support/mcp-server.ts";
import { TcpMiners } from "../support/tcp-miners.ts";
import { TestEmbedder } from "../support/test-embedder.ts";
import { attributeOf, TraceCollector } from "../support/trace-collector.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = `00-${TRACE}-b7ad6b7169203331-01`;
const CANARY = "the heron nests behind the mill";

let collector: TraceCollector;
beforeEach(async () => {
  collector = await TraceCollector.start();
});
afterEach(() => collector[Symbol.asyncDispose]());

interface Called {
  readonly meta?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One `tools/call` as it goes over the wire. */
async function call(url: string, name: string, args: object, { meta = {}, headers = {} }: Called = {}) {
  const envelope = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "test", version: "0" },
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const params = { name, arguments: args, _meta: { ...envelope, ...meta } };
  const response = await fetch(`${url}/mcp`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": "tools/call",
      "mcp-name": name,
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params }),
  });
  const text = await response.text();
  expect(text).not.toContain('"isError":true');
  expect(response.status, text).toBe(200);
}

/** A miner behind a wire that is listened at. */
async function tappedMiner() {
  const miners = await TcpMiners.start(1);
  const heard: { readonly path: string; readonly traceparent: string | null; readonly body: string }[] = [];
  const [miner] = miners.miners;
  const tap = await startHttpServer({
    hostname: "127.0.0.1",
    port: 0,
    handler: async (request) => {
      const body = await request.text();
      const { pathname } = new URL(request.url);
      heard.push({ path: pathname, traceparent: request.headers.get("traceparent"), body });
      const { method } = request;
      const headers = Object.fromEntries(request.headers);
      return fetch(`${miner?.url}${pathname}`, { method, headers, ...(method === "GET" ? {} : { body }) });
    },
  });
  return {
    heard,
    list: `${miner?.hotkey}@${tap.url}`,
    [Symbol.asyncDispose]: async () => {
      await tap[Symbol.asyncDispose]();
      await miners[Symbol.asyncDispose]();
    },
  };
}

/** Stores one public and one private memory over MCP, and waits until the miner has both. */
async function storeBoth(called: Called) {
  await using folder = await temporaryFolder();
  await using miner = await tappedMiner();
  const home = `${folder.path}/home`;
  await using client = openEngram({ home, log: quiet, embedder: new TestEmbedder(), miners: miner.list });
  // The server closes the client it is given; settling comes before.
  await using served = await serveForTest({ openClient: async () => client, consent: { public: "allow" } });
  await call(served.url, "engram_store", { items: [{ text: CANARY }], public: true }, called);
  await client.settle();
  await call(served.url, "engram_store", { items: [{ text: `${CANARY}, quietly` }] }, called);
  await client.settle();
  await call(served.url, "engram_query", { query: CANARY, scope: "public" }, called);
  return { heard: [...miner.heard] };
}

/** The names from the innermost span within `traceId` that nothing lies within, of those called `name`, to the first. */
function wayOf(name: string, traceId: string): readonly string[] {
  const { spans } = collector;
  const isInner = ({ spanId }: { readonly spanId: string }) => !spans.some((one) => one.parentSpanId === spanId);
  const names: string[] = [];
  let span = spans.find((one) => one.name === name && one.traceId === traceId && isInner(one));
  for (; span; span = spans.find(({ spanId }) => spanId === span?.parentSpanId)) names.push(span.name);
  return names;
}

test("a call that stores something public is one trace to the miner, which hears of none for what is private", async () => {
  const { heard } = await (async () => {
    await using _ = await collector.record();
    return await storeBoth({ meta: { traceparent: PARENT, tracestate: "vendor=secret-of-the-agent" } });
  })();
  const ingest = "POST /IngestSynapse";
  expect(wayOf(ingest, TRACE)).toEqual([ingest, ingest, "client.push", "tools/call engram_store"]);
  const store = collector.spans.find(({ name }) => name === "tools/call engram_store");
  expect(store).toMatchObject({ traceId: TRACE, parentSpanId: "b7ad6b7169203331" });
  expect(attributeOf(store, "engram.outcome")).toBe("ok");

  const ingests = heard.filter(({ path }) => path === "/IngestSynapse");
  const open = ingests.filter(({ body }) => body.includes("heron"));
  const closed = ingests.filter(({ body }) => body.includes('"_enc"'));
  expect([open.length, closed.length].every((count) => count > 0)).toBe(true);
  expect(open.map(({ traceparent }) => traceparent?.split("-")[1])).toEqual(open.map(() => TRACE));
  expect(closed.map(({ traceparent }) => traceparent)).toEqual(closed.map(() => null));
  // Nor do looks, lists and proofs name one.
  const named = new Set(heard.flatMap(({ path, traceparent }) => (traceparent === null ? [] : [path])));
  expect(named).toEqual(new Set(["/IngestSynapse", "/QuerySynapse"]));
  expect(heard.find(({ path }) => path === "/QuerySynapse")?.traceparent?.split("-")[1]).toBe(TRACE);

  const sent = collector.bodies.join("\n");
  expect(sent).toContain("client.push");
  for (const word of ["heron", "quietly", "127.0.0.1", "v1::"]) expect(sent).not.toContain(word);
  expect(sent).not.toMatch(/5[A-HJ-NP-Za-km-z1-9]{47}/);
}, 30_000);

test("the HTTP request's traceparent counts where the call names none", async () => {
  {
    await using _ = await collector.record();
    await using served = await serveForTest();
    await call(served.url, "engram_namespaces", {}, { headers: { traceparent: PARENT } });
    await call(served.url, "engram_list", {}, { headers: { traceparent: PARENT }, meta: { traceparent: "nonsense" } });
  }
  const traces = new Map(collector.spans.map(({ name, traceId }) => [name, traceId]));
  expect(traces.get("tools/call engram_namespaces")).toBe(TRACE);
  expect(traces.has("tools/call engram_list")).toBe(true);
  expect(traces.get("tools/call engram_list")).not.toBe(TRACE);
});

test("without a collector nothing is sent, and no call carries anything", async () => {
  const { heard } = await storeBoth({ meta: { traceparent: PARENT }, headers: { traceparent: PARENT } });
  expect(heard.length).toBeGreaterThan(3);
  expect(heard.map(({ traceparent }) => traceparent)).toEqual(heard.map(() => null));
  expect(collector.bodies).toEqual([]);
}, 30_000);
