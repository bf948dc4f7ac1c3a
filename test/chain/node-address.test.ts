import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { callableOrigin, createNodeFetch } from "../../src/node/chain/node-address.ts";
import { createHttpClient } from "../../src/node/runtime/http-client.ts";
import { UNFIT_URLS } from "../support/unfit-urls.ts";

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** A node on this machine; the connections and paths it saw. */
async function serve(listener: RequestListener) {
  const seen = { connections: 0, paths: [] as string[] };
  const server = createServer((request, response) => {
    seen.paths.push(request.url ?? "");
    listener(request, response);
  });
  server.on("connection", () => {
    seen.connections += 1;
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { server, seen, port, url: `http://127.0.0.1:${port}` };
}

const limits = { deadlineMs: 5_000, maxBytes: 1_000 };

describe("what a chain publishes as an address", () => {
  // Any port is a node's right: these two are refused above for theirs alone.
  test.each(UNFIT_URLS.filter((url) => !url.startsWith("http://93.184.215.14:")))("%s is not called", (url) => {
    expect(callableOrigin(url, false)).toBeNull();
  });

  test.each([
    ["http://8.8.8.8:8091", "http://8.8.8.8:8091"],
    ["http://93.184.215.14:22/", "http://93.184.215.14:22"],
    ["https://[2606:4700::1111]:8091", "https://[2606:4700::1111]:8091"],
  ])("%s is, at its own port and by its own scheme", (endpoint, origin) => {
    expect(callableOrigin(endpoint, false)).toBe(origin);
  });

  test.each([
    "http://8.8.8.8/admin",
    "http://8.8.8.8/?q=1",
    "http://8.8.8.8/#x",
    "http://user@8.8.8.8",
    "8.8.8.8:8091",
    "ftp://8.8.8.8",
    "http://metadata.internal:8091",
  ])("%s is nothing that a node is called at", (endpoint) => {
    expect(callableOrigin(endpoint, false)).toBeNull();
    expect(callableOrigin(endpoint, true)).toBeNull();
  });

  test("a simulated chain's nodes are on this machine, and nowhere else", () => {
    expect(callableOrigin("http://127.0.0.1:8091", true)).toBe("http://127.0.0.1:8091");
    expect(callableOrigin("http://[::1]:8091", true)).toBe("http://[::1]:8091");
    for (const other of ["http://10.1.2.3:8091", "http://169.254.169.254", "http://8.8.8.8:8091"]) {
      expect(callableOrigin(other, true)).toBeNull();
    }
  });
});

describe("the way to a node", () => {
  test("leads past no private address, whoever publishes it", async () => {
    const { url, port, seen } = await serve((_, response) => response.end("inside"));
    const http = createHttpClient(createNodeFetch({ isSimulated: false }));
    for (const inside of [url, `http://localhost:${port}`, `http://[::ffff:127.0.0.1]:${port}`]) {
      await expect(http.postJson(`${inside}/QuerySynapse`, "{}", limits)).rejects.toMatchObject({
        code: "URL_NOT_PUBLIC",
      });
    }
    expect(seen.connections).toBe(0);
  });

  test("leads to this machine on a simulated chain, and to what the operator named", async () => {
    const { url, seen } = await serve((_, response) => response.end("{}"));
    const local = createHttpClient(createNodeFetch({ isSimulated: true }));
    expect((await local.get(`${url}/health`, limits)).status).toBe(200);
    await expect(local.get("http://8.8.8.8:1/", limits)).rejects.toMatchObject({ code: "URL_NOT_PUBLIC" });
    const trusting = createHttpClient(createNodeFetch({ isSimulated: false, trusted: [url] }));
    expect((await trusting.get(`${url}/health`, limits)).status).toBe(200);
    expect(seen.paths).toEqual(["/health", "/health"]);
  });

  test("ends where a redirect begins, and at the reply's limit", async () => {
    const inside = await serve((_, response) => response.end("inside"));
    const { url } = await serve(({ url: path }, response) => {
      if (path === "/large") response.end("x".repeat(1_001));
      else response.writeHead(307, { location: inside.url }).end();
    });
    const http = createHttpClient(createNodeFetch({ isSimulated: true }));
    expect((await http.postJson(`${url}/QuerySynapse`, "{}", limits)).status).toBe(307);
    await expect(http.get(`${url}/large`, limits)).rejects.toMatchObject({ code: "HTTP_TOO_LARGE" });
    expect(inside.seen.connections).toBe(0);
  });

  test("is kept for the next request, and found anew when the node has closed it", async () => {
    const { server, url, seen } = await serve((_, response) => response.end("{}"));
    const http = createHttpClient(createNodeFetch({ isSimulated: true }));
    for (let request = 0; request < 3; request += 1) await http.postJson(`${url}/a`, "{}", limits);
    expect(seen.connections).toBe(1);
    // The client has not heard of it yet when it sends the next one.
    server.closeIdleConnections();
    expect((await http.postJson(`${url}/b`, "{}", limits)).status).toBe(200);
    expect(seen).toEqual({ connections: 2, paths: ["/a", "/a", "/a", "/b"] });
  });
});
