import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, expect, test } from "vitest";
import { RequestsAtOnce } from "../../src/node/miner/requests-at-once.ts";
import { MAX_BODY_BYTES, MAX_BODY_BYTES_AT_ONCE, MAX_BODY_KEYS } from "../../src/node/protocol/limits.ts";
import { startHttpServer } from "../../src/node/runtime/http-server.ts";
import { MinerUnderTest, unit } from "./miner-under-test.ts";

const miner = await MinerUnderTest.start();
afterAll(() => miner[Symbol.asyncDispose]());

/** Every route that reads a body. */
const bodyRoutes = miner.routes().flatMap((route) => {
  const [method = "", path = ""] = route.split(" ");
  return method === "GET" || path === "/namespace" ? [] : [[method, path.replace(/\{\w+\}/, "x")] as const];
});
/** These authenticate by headers before they look at the body. */
const isAuth2 = (path: string) => /^\/(KeyShare|Namespace(Owner|Grants|Letter))/.test(path);

test("there are routes to look at", () => {
  expect(bodyRoutes.length).toBeGreaterThanOrEqual(10);
});

/** A body of `pieces` that tells how much of it was taken. */
function counted(piece: Uint8Array, pieces: number) {
  const taken = { bytes: 0 };
  let sent = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(stream) {
        if (sent === pieces) return stream.close();
        sent += 1;
        taken.bytes += piece.byteLength;
        stream.enqueue(piece);
      },
    },
    { highWaterMark: 0 },
  );
  return { body, taken };
}

const MEGABYTE = 1024 * 1024;

test.each(bodyRoutes)(
  "%s %s: a body without an end is refused at the limit, and no more of it read",
  async (method, path) => {
    const { body, taken } = counted(new Uint8Array(MEGABYTE).fill(0x20), 1_000);
    const answer = await miner.call(method, path, body);
    expect(answer).toMatchObject({ status: 413, json: { error: expect.stringMatching(/bytes/) } });
    expect(taken.bytes).toBeLessThanOrEqual(MAX_BODY_BYTES + 2 * MEGABYTE);
  },
);

test.each(bodyRoutes)("%s %s: a body that states too much is refused unread", async (method, path) => {
  const { body, taken } = counted(new Uint8Array(1_000), 10);
  const answer = await miner.call(method, path, body, { "content-length": String(MAX_BODY_BYTES + 1) });
  expect(answer.status).toBe(413);
  expect(taken.bytes).toBe(0);
});

test.each(bodyRoutes)("%s %s: a compressed body is refused unread, a bomb or not", async (method, path) => {
  const bomb = gzipSync(Buffer.alloc(20 * MEGABYTE, " "));
  for (const encoding of ["gzip", "deflate", "br", "gzip, identity"]) {
    const { body, taken } = counted(bomb, 1);
    expect((await miner.call(method, path, body, { "content-encoding": encoding })).status).toBe(415);
    expect(taken.bytes).toBe(0);
  }
});

const keys = (count: number) =>
  `{${Array.from({ length: count }, (_, index) => `"${index.toString(36)}":1`).join(",")}}`;
const bombs: readonly (readonly [string, string])[] = [
  ["a depth of 100,000", "[".repeat(100_000)],
  ["a depth of 100,000 in objects", '{"a":'.repeat(100_000)],
  ["a million keys", keys(1_000_000)],
  ["a million keys within", `{"metadata":${keys(1_000_000)}}`],
  ["many keys in many objects", `{"filter":[${`${keys(40)},`.repeat(MAX_BODY_KEYS / 40)}{"last":1}]}`],
  ["a million values", `{"raw_embedding":[${"1,".repeat(1_000_000)}1]}`],
  ["equal keys", '{"cid":"a","cid":"b"}'],
  ["equal keys within", '{"metadata":{"a":1,"a":1}}'],
  ["equal keys by their escapes", '{"cid":"a","\\u0063id":"b"}'],
  ["a bare NaN", '{"query_vector":[NaN,0,0,0,0,0,0,0]}'],
  ["a bare Infinity", '{"query_vector":[-Infinity,0,0,0,0,0,0,0]}'],
  ["two documents", "{}{}"],
  ["no object", "[1]"],
  ["half of one", '{"cid":'],
  ["a byte order mark", "\ufeff{}"],
  ["an int of 5,000 digits", `{"top_k":${"9".repeat(5_000)}}`],
];

test.each(bombs)("%s is a 400 on every route, at once", async (_, text) => {
  const began = performance.now();
  for (const [method, path] of bodyRoutes.filter(([, at]) => !isAuth2(at))) {
    const answer = await miner.call(method, path, text);
    expect([path, answer.status]).toEqual([path, 400]);
    expect(answer.json.error).toMatch(/.{8}/);
  }
  // Not the machine's speed: whoever read a million keys on ten routes would take a minute.
  expect(performance.now() - began).toBeLessThan(20_000);
});

test.each(bodyRoutes.filter(([, path]) => isAuth2(path)))(
  "%s %s looks at no body before its signature",
  async (method, path) => {
    for (const [, text] of bombs) expect([401, 413]).toContain((await miner.call(method, path, text)).status);
  },
);

test("a body just inside the limits is taken", async () => {
  const metadata = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`k${index}`, 1]));
  const { json } = await miner.post("IngestSynapse", { raw_embedding: unit, metadata });
  expect(json.error).toBeNull();
  expect(
    (await miner.call("POST", "/QuerySynapse", `{"query_vector":${JSON.stringify(unit)}${" ".repeat(MEGABYTE)}}`))
      .status,
  ).toBe(200);
});

test("only so many bytes of large bodies are received at once, and what was refused holds nothing", async () => {
  const each = 9 * MEGABYTE;
  const open: (() => void)[] = [];
  const calls = Array.from({ length: Math.ceil(MAX_BODY_BYTES_AT_ONCE / each) + 1 }, (_, index) => {
    let sent = 0;
    const { promise: go, resolve } = Promise.withResolvers<void>();
    open.push(resolve);
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(stream) {
          if (sent === 9) {
            await go;
            stream.enqueue(new TextEncoder().encode("{}"));
            return stream.close();
          }
          sent += 1;
          stream.enqueue(new Uint8Array(MEGABYTE).fill(0x20));
        },
      },
      { highWaterMark: 0 },
    );
    return miner.call("POST", "/QuerySynapse", body, {}, `203.0.113.${index}`);
  });
  const first = await Promise.race(calls);
  expect(first.status).toBe(503);
  expect(first.headers.get("retry-after")).toBe("1");
  for (const go of open) go();
  const statuses = (await Promise.all(calls)).map(({ status }) => status);
  expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(10);
  expect(new Set(statuses)).toEqual(new Set([200, 503]));
  expect((await miner.call("POST", "/QuerySynapse", `${" ".repeat(each)}{}`)).status).toBe(200);
});

test("only so many requests are worked on at once, in all and of one address, and each leaves its place", () => {
  const atOnce = new RequestsAtOnce({ all: 3, ofAddress: 2 });
  const leave = [atOnce.enter("198.51.100.1"), atOnce.enter("198.51.100.1")];
  expect(() => atOnce.enter("198.51.100.1")).toThrow(expect.objectContaining({ status: 503 }));
  leave.push(atOnce.enter("198.51.100.2"));
  expect(() => atOnce.enter("198.51.100.3")).toThrow(expect.objectContaining({ status: 503 }));
  atOnce.enter(null)();
  leave.shift()?.();
  leave.push(atOnce.enter("198.51.100.3"));
  for (const go of leave) go();
  expect([atOnce.enter("a"), atOnce.enter("a"), atOnce.enter("b")]).toHaveLength(3);
});

test("over the limit the miner answers 503 with Retry-After, and serves on when the others are done", async () => {
  miner.restart({ atOnce: { all: 10, ofAddress: 1 } });
  const { promise: go, resolve } = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>({
    async pull(stream) {
      await go;
      stream.enqueue(new TextEncoder().encode(JSON.stringify({ query_vector: unit })));
      stream.close();
    },
  });
  const slow = miner.call("POST", "/QuerySynapse", body);
  const refused = await miner.call("GET", "/health");
  expect(refused).toMatchObject({ status: 503, json: { error: expect.any(String) } });
  expect(refused.headers.get("retry-after")).toBe("1");
  expect((await miner.call("GET", "/health", undefined, {}, "203.0.113.1")).status).toBe(200);
  resolve();
  expect((await slow).status).toBe(200);
  expect((await miner.call("GET", "/health")).status).toBe(200);
  miner.restart();
});

test("a slow-loris holds its sockets only so long, and others are served meanwhile", async () => {
  const limits = { headersTimeout: 200, requestTimeout: 400, connectionsCheckingInterval: 20 };
  await using server = await startHttpServer({
    ...{ hostname: "127.0.0.1", port: 0, limits },
    handler: (request, peer) => miner.fetch(request, { peer }),
  });
  const head = "POST /QuerySynapse HTTP/1.1\r\nHost: a\r\n";
  const sockets = Array.from({ length: 60 }, (_, index) => {
    const socket = connect(server.port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.resume();
    socket.write(index % 2 === 0 ? head : `${head}Content-Length: 1000\r\n\r\n{`);
    return socket;
  });
  const closed = Promise.all(sockets.map((socket) => once(socket, "close")));
  expect((await fetch(`${server.url}/health`)).status).toBe(200);
  await closed;
  expect((await fetch(`${server.url}/health`)).status).toBe(200);
});

test("a sender who states more than the limit over a socket gets its 413 without sending it", async () => {
  await using server = await startHttpServer({
    ...{ hostname: "127.0.0.1", port: 0 },
    handler: (request, peer) => miner.fetch(request, { peer }),
  });
  const headers = { "content-length": String(50 * MEGABYTE) };
  const sent = httpRequest(`${server.url}/IngestSynapse`, { method: "POST", headers });
  sent.on("error", () => undefined);
  sent.write("{");
  const [response] = (await once(sent, "response")) as [{ statusCode: number; resume(): void }];
  expect(response.statusCode).toBe(413);
  response.resume();
  sent.destroy();
});
