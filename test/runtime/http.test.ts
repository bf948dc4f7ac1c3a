import { once } from "node:events";
import { connect } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { isEngramError } from "../../src/crypto/errors.ts";
import { createHttpClient } from "../../src/node/runtime/http-client.ts";
import { type HttpHandler, startHttpServer } from "../../src/node/runtime/http-server.ts";

const client = createHttpClient();
const loopback = { hostname: "127.0.0.1", port: 0 };
const generous = { deadlineMs: 10_000, maxBytes: 1_000 };

function serve(handler: HttpHandler, graceMs?: number) {
  return startHttpServer({ ...loopback, handler, ...(graceMs === undefined ? {} : { graceMs }) });
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return isEngramError(error) ? error.code : String(error);
}

describe("HTTP client and server", () => {
  test("body, method, status and peer arrive as they were sent", async () => {
    await using server = await serve(
      async (request, peer) => new Response(`${request.method} ${peer} ${await request.text()}`, { status: 418 }),
    );
    const url = `${server.url}/x`;
    expect(await client.postJson(url, '{"a":1.0}', generous)).toMatchObject({
      status: 418,
      text: 'POST 127.0.0.1 {"a":1.0}',
    });
    expect(await client.delete(url, "é", generous)).toMatchObject({ status: 418, text: "DELETE 127.0.0.1 é" });
    expect(await client.get(url, generous)).toMatchObject({ status: 418, text: "GET 127.0.0.1 " });
  });

  test("a redirect is the reply and is not followed", async () => {
    let asked = 0;
    await using server = await serve(() => {
      asked += 1;
      return new Response(null, { status: 302, headers: { location: "/elsewhere" } });
    });
    expect((await client.postJson(server.url, "{}", generous)).status).toBe(302);
    expect(asked).toBe(1);
  });

  test("a reply up to the limit is read, one byte more is refused", async () => {
    await using server = await serve(() => new Response("x".repeat(1_000)));
    expect((await client.get(server.url, generous)).text).toHaveLength(1_000);
    expect(await codeOf(client.get(server.url, { ...generous, maxBytes: 999 }))).toBe("HTTP_TOO_LARGE");
  });

  test("a node that never answers, one that is gone and a caller who gave up are told apart", async () => {
    const server = await serve(() => new Promise<Response>(() => undefined), 0);
    expect(await codeOf(client.get(server.url, { ...generous, deadlineMs: 50 }))).toBe("HTTP_TIMEOUT");
    const caller = new AbortController();
    const given = client.get(server.url, { ...generous, signal: caller.signal });
    caller.abort(new Error("given up"));
    await expect(given).rejects.toThrow("given up");
    await server[Symbol.asyncDispose]();
    expect(await codeOf(client.get(server.url, generous))).toBe("HTTP_UNREACHABLE");
  });

  test("a deadline ends the waiting although the collector was there in between", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    await using server = await serve(() => new Promise<Response>(() => undefined), 0);
    const collecting = setInterval(collect, 20);
    try {
      expect(await codeOf(client.get(server.url, { ...generous, deadlineMs: 300 }))).toBe("HTTP_TIMEOUT");
    } finally {
      clearInterval(collecting);
    }
  });

  test("a body that stops coming counts as late", async () => {
    const begun = new TextEncoder().encode("begun");
    const stalled = () => new ReadableStream<Uint8Array>({ start: (stream) => stream.enqueue(begun) });
    await using server = await serve(() => new Response(stalled()), 0);
    expect(await codeOf(client.get(server.url, { ...generous, deadlineMs: 50 }))).toBe("HTTP_TIMEOUT");
    const inProcess = createHttpClient(() => new Response(stalled()));
    expect(await codeOf(inProcess.get("http://miner", { ...generous, deadlineMs: 50 }))).toBe("HTTP_TIMEOUT");
  });

  test("stopping lets the request in flight finish and refuses new ones", async () => {
    const arrived = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const server = await serve(async () => {
      arrived.resolve();
      await go.promise;
      return new Response("done");
    });
    const inFlight = client.get(server.url, generous);
    await arrived.promise;
    const stopped = server[Symbol.asyncDispose]();
    go.resolve();
    expect((await inFlight).text).toBe("done");
    await stopped;
    expect(await codeOf(client.get(server.url, generous))).toBe("HTTP_UNREACHABLE");
  });

  test("a socket that sends nothing is closed when the server stops", async () => {
    const server = await serve(() => new Response("x"), 0);
    const socket = connect(server.port, "127.0.0.1");
    await once(socket, "connect");
    socket.write("POST / HTTP/1.1\r\nHost: a\r\n");
    const closed = once(socket, "close");
    await server[Symbol.asyncDispose]();
    await closed;
  });

  test("a sender that dawdles over its headers or its body is cut off, and others are served meanwhile", async () => {
    const limits = { headersTimeout: 60, requestTimeout: 120, connectionsCheckingInterval: 20 };
    const handler: HttpHandler = async (request) => new Response(await request.text());
    await using server = await startHttpServer({ ...loopback, handler, limits });
    const starts = ["POST / HTTP/1.1\r\nHost: a\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx"];
    const sockets = starts.map((start) => {
      const socket = connect(server.port, "127.0.0.1");
      socket.on("error", () => undefined);
      socket.resume();
      socket.write(start);
      return socket;
    });
    const closed = sockets.map((socket) => once(socket, "close"));
    expect((await client.postJson(server.url, "served", generous)).text).toBe("served");
    await Promise.all(closed);
  });

  test("headers over the limit are refused", async () => {
    await using server = await serve(() => new Response("x"));
    const response = await fetch(server.url, { headers: { long: "x".repeat(20_000) } });
    expect(response.status).toBe(431);
  });

  test("a taken port is said so", async () => {
    await using server = await serve(() => new Response("x"));
    expect(await codeOf(startHttpServer({ ...loopback, port: server.port, handler: () => new Response() }))).toBe(
      "HTTP_LISTEN",
    );
  });
});
