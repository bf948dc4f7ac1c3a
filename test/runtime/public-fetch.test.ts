import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import { download } from "../../src/node/runtime/download.ts";
import { isPublicAddress } from "../../src/node/runtime/public-address.ts";
import { createPublicFetch, type PublicGuard } from "../../src/node/runtime/public-fetch.ts";
import { UNFIT_URLS } from "../support/unfit-urls.ts";

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

/** A server on loopback; requests it saw. */
async function serve(listener: RequestListener, host = "127.0.0.1"): Promise<{ port: number; seen: string[] }> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.headers.host}${request.url}`);
    listener(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  open.push(() => new Promise((resolve) => server.close(() => resolve())));
  return { port: (server.address() as AddressInfo).port, seen };
}

const options = { deadlineMs: 5_000, maxBytes: 10_000, userAgent: "test" };

/** The rules, with 127.0.0.1 alone standing in for the internet. */
function guard(more: PublicGuard = {}): PublicGuard {
  return { isPublic: (address) => address === "127.0.0.1", allowsPort: () => true, ...more };
}

describe("addresses that strangers chose", () => {
  test.each(UNFIT_URLS)("%s is refused", async (url) => {
    // Names that are not loopback's own point there all the same: what resolves is judged, not how it is called.
    const resolve = async () => ["127.0.0.1"];
    const refused = download(url, { ...options, fetch: createPublicFetch({ resolve }) });
    await expect(refused).rejects.toMatchObject({ code: expect.stringMatching(/^URL_(INVALID|NOT_PUBLIC)$/) });
  });

  test.each(["93.184.215.14", "8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "2606:4700:4700::1111", "2a00::1"])(
    "%s is public",
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );

  test.each(["", "example.com", "1.2.3", "fe80::1%eth0", "2606:4700::1%eth0", "::ffff:8.8.8.8"])(
    "%s is not the address of a public host",
    (address) => {
      expect(address === "1.2.3" ? isPublicAddress("127.3") : isPublicAddress(address)).toBe(false);
    },
  );

  test("one private address among public ones is enough to refuse a name", async () => {
    const { port, seen } = await serve((_, response) => response.end("inside"));
    const fetch = createPublicFetch(guard({ resolve: async () => ["127.0.0.1", "10.0.0.1"] }));
    await expect(download(`http://both.test:${port}/`, { ...options, fetch })).rejects.toMatchObject({
      code: "URL_NOT_PUBLIC",
    });
    expect(seen).toEqual([]);
  });

  test("a name server that answers otherwise the second time changes nothing", async () => {
    const outside = await serve((_, response) => response.end("outside"));
    let asked = 0;
    const resolve = async () => (++asked === 1 ? ["127.0.0.1"] : ["127.0.0.2"]);
    const fetch = createPublicFetch(guard({ resolve }));
    const page = await download(`http://rebind.test:${outside.port}/a?b=1`, { ...options, fetch });
    expect(page.bytes.toString()).toBe("outside");
    expect(asked).toBe(1);
    expect(outside.seen).toEqual([`rebind.test:${outside.port}/a?b=1`]);
  });

  test("a name that the second connection resolves to a private address is refused there", async () => {
    const { port, seen } = await serve((request, response) => {
      if (request.url === "/") response.writeHead(302, { location: "/next" }).end();
      else response.end("inside");
    });
    let asked = 0;
    const fetch = createPublicFetch(guard({ resolve: async () => (++asked === 1 ? ["127.0.0.1"] : ["127.0.0.2"]) }));
    await expect(download(`http://rebind.test:${port}/`, { ...options, fetch })).rejects.toMatchObject({
      code: "URL_NOT_PUBLIC",
    });
    expect(seen).toHaveLength(1);
  });

  test.each([
    "http://127.0.0.2/",
    "http://[::1]/",
    "http://169.254.169.254/latest/meta-data/",
    "//10.0.0.1/",
    "http://2852039166/",
    "file:///etc/passwd",
    "http://inside.test/",
  ])("a redirect to %s is refused", async (location) => {
    const { port, seen } = await serve((_, response) => response.writeHead(302, { location }).end());
    const resolve = async (name: string) => (name === "outside.test" ? ["127.0.0.1"] : ["192.168.0.1"]);
    const fetch = createPublicFetch(guard({ resolve }));
    await expect(download(`http://outside.test:${port}/`, { ...options, fetch })).rejects.toMatchObject({
      code: expect.stringMatching(/^URL_/),
    });
    expect(seen).toHaveLength(1);
  });
});

describe("downloads", () => {
  const fetch = createPublicFetch(guard({ resolve: async () => ["127.0.0.1"] }));

  test("follow redirects that lead to public places, three at most", async () => {
    const { port, seen } = await serve((request, response) => {
      const left = Number(request.url?.slice(1));
      if (left > 0) response.writeHead(301, { location: `/${left - 1}` }).end();
      else response.writeHead(200, { "content-type": "Text/HTML; charset=utf-8" }).end("here");
    });
    const page = await download(`http://outside.test:${port}/3`, { ...options, fetch });
    expect(page).toMatchObject({ url: `http://outside.test:${port}/0`, contentType: "text/html" });
    expect(seen).toHaveLength(4);
    await expect(download(`http://outside.test:${port}/4`, { ...options, fetch })).rejects.toMatchObject({
      code: "DOWNLOAD_FAILED",
    });
  });

  test("end at their size, compressed or not, and at their deadline", async () => {
    const { port } = await serve((request, response) => {
      if (request.url === "/large") response.end("x".repeat(10_001));
      if (request.url === "/bomb") {
        response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(Buffer.alloc(5_000_000)));
      }
      if (request.url === "/packed") {
        response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("unpacked"));
      }
      if (request.url === "/slow") response.write("a");
    });
    const at = (path: string, more = {}) => download(`http://o.test:${port}${path}`, { ...options, fetch, ...more });
    await expect(at("/large")).rejects.toMatchObject({ code: "HTTP_TOO_LARGE" });
    await expect(at("/bomb")).rejects.toMatchObject({ code: "HTTP_TOO_LARGE" });
    await expect(at("/slow", { deadlineMs: 50 })).rejects.toMatchObject({ code: "HTTP_TIMEOUT" });
    expect((await at("/packed")).bytes.toString()).toBe("unpacked");
  });

  test("a name server that never answers does not outlive the deadline", async () => {
    const silent = createPublicFetch({ resolve: () => new Promise(() => undefined) });
    const late = download("http://silent.test/", { ...options, fetch: silent, deadlineMs: 50 });
    await expect(late).rejects.toMatchObject({ code: "HTTP_TIMEOUT" });
  });
});
