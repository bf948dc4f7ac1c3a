import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Fetch } from "../../../src/node/runtime/http-client.ts";
import { createLogger } from "../../../src/node/runtime/logger.ts";
import type { RunningGateway } from "../../../src/relay/gateway/start-gateway.ts";
import { openIntelligence } from "../../../src/relay/intelligence/open-intelligence.ts";
import type { ReaderLimits } from "../../../src/relay/intelligence/reader-limits.ts";
import { GatewayKit, post } from "../gateway/gateway-kit.ts";
import { FEED, ForgedGateway, isStream, openReader, sendTo, take } from "./reader-kit.ts";

const never = new AbortController().signal;

let kit: GatewayKit;
let gateway: RunningGateway;
beforeAll(async () => {
  kit = await GatewayKit.open();
  gateway = await kit.start();
  await post(gateway, (await kit.inference({}, "one")).text);
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await kit[Symbol.asyncDispose]();
});

const honest = sendTo(() => gateway.url);
const silence: Fetch = ({ signal }) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));

async function follow(fetch: Fetch, limits: Partial<ReaderLimits>, signal: AbortSignal = never) {
  const reader = await openReader(kit, { hotkey: gateway.hotkey, fetch, limits });
  return reader.follow({ minAssurance: "author", after: 0 }, signal);
}

describe("a stream that misbehaves is cut off and opened again", () => {
  const encode = (text: string) => new TextEncoder().encode(text);
  const events = (body: ReadableStream<Uint8Array>) =>
    new Response(body, { headers: { "content-type": "text/event-stream" } });
  /** Pieces for ever, as fast as they are read or, with `ms`, now and then. */
  const endless = (piece: string, ms = 0) =>
    new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
        controller.enqueue(encode(piece));
      },
    });

  test.each<[string, Fetch]>([
    ["never answers", silence],
    ["is silent", () => events(new ReadableStream())],
    ["sends an event that does not end", () => events(endless("data: and more\n"))],
    ["sends a line that does not end", () => events(endless("data data data "))],
    ["sends an event byte by byte", () => events(endless("d", 20))],
    ["sends nonsense", () => events(endless("event: external_intelligence\ndata: {\n\n"))],
    ["ends at once", () => events(new ReadableStream({ start: (controller) => controller.close() }))],
    ["breaks", () => events(new ReadableStream({ start: (controller) => controller.error(new Error("cut")) }))],
    ["is busy", () => Response.json({ error: "busy" }, { status: 503 })],
  ])("one that %s", async (_, misbehave) => {
    let tries = 0;
    const fetch: Fetch = (request) => {
      if (!isStream(request)) return honest(request);
      tries += 1;
      return tries <= 2 ? misbehave(request) : honest(request);
    };
    const limits = { deadlineMs: misbehave === silence ? 150 : 5_000, silenceMs: 150, eventBytes: 10_000 };
    const items = await follow(fetch, limits);
    expect(await take(items, 1)).toEqual([1]);
    await items.return();
    expect(tries).toBe(3);
  });

  test("one that only its heart keeps alive is left open", async () => {
    let tries = 0;
    const { promise: beaten, resolve } = Promise.withResolvers<void>();
    const fetch: Fetch = (request) => {
      if (!isStream(request)) return honest(request);
      tries += 1;
      let beats = 0;
      const body = new ReadableStream<Uint8Array>({
        pull: async (controller) => {
          await new Promise((done) => setTimeout(done, 20));
          beats += 1;
          if (beats === 60) resolve();
          controller.enqueue(encode(": still here\n\n"));
        },
      });
      return events(body);
    };
    const stop = new AbortController();
    const items = await follow(fetch, { silenceMs: 1_000 }, stop.signal);
    const waiting = items.next();
    await beaten;
    expect(tries).toBe(1);
    stop.abort();
    expect((await waiting).done).toBe(true);
  });
});

describe("a page", () => {
  async function two() {
    const forged = await ForgedGateway.open(kit);
    const first = await kit.inference({}, "one");
    await forged.accept(first);
    await forged.accept(await kit.inference({}, "two"));
    return { forged, path: `/relay/${first.signedHash}` };
  }

  test.each<[string, Fetch, string]>([
    ["never answers", silence, "withheld"],
    ["never ends", () => new Response(new ReadableStream()), "withheld"],
    ["is huge", () => new Response("x".repeat(50_000)), "item_malformed"],
    ["is a redirect", () => Response.redirect("http://elsewhere.test/", 302), "withheld"],
    ["is forbidden", () => Response.json({}, { status: 403 }), "withheld"],
  ])("is read although one item's proof %s", async (_, answer, problem) => {
    const { forged, path } = await two();
    const fetch: Fetch = (request) =>
      new URL(request.url).pathname === path ? answer(request) : forged.fetch(request);
    const limits = { deadlineMs: 200, evidenceBytes: 40_000 };
    const reader = await openReader(kit, { hotkey: forged.signer.hotkey, fetch, limits });
    const { items, refused } = await reader.read({ minAssurance: "author" }, never);
    expect(refused).toMatchObject([{ seq: 1, problem }]);
    expect(items).toMatchObject([{ seq: 2 }]);
  });

  test("that is too large is asked for in smaller parts", async () => {
    const { forged } = await two();
    const asked: (string | null)[] = [];
    const fetch: Fetch = (request) => {
      const url = new URL(request.url);
      if (url.pathname === FEED) asked.push(url.searchParams.get("limit"));
      return forged.fetch(request);
    };
    const options = { hotkey: forged.signer.hotkey, fetch, limits: { pageBytes: 2_500 } };
    const reader = await openReader(kit, options);
    const { items, next } = await reader.read({ minAssurance: "author", after: 0 }, never);
    expect([asked, items.length, next]).toEqual([["20", "5", "2", "1"], 1, 1]);
    const tiny = await openReader(kit, { ...options, limits: { pageBytes: 100 } });
    await expect(tiny.read({}, never)).rejects.toMatchObject({ code: "HTTP_TOO_LARGE" });
  });

  test("that does not come is an error, and so is a chain that does not answer", async () => {
    const { forged } = await two();
    const { hotkey } = forged.signer;
    const read = async (fetch: Fetch, chain = kit.chain) =>
      (await openReader({ chain }, { hotkey, fetch, limits: { deadlineMs: 100 } })).read({}, never);
    await expect(read(silence)).rejects.toMatchObject({ code: "HTTP_TIMEOUT" });
    await expect(read(() => Response.json([]))).rejects.toMatchObject({ code: "GATEWAY_REPLY_INVALID" });
    await expect(read(() => new Response("<html>"))).rejects.toMatchObject({ code: "GATEWAY_REPLY_INVALID" });
    await expect(read(() => Response.redirect("http://elsewhere.test/", 308))).rejects.toMatchObject({
      code: "GATEWAY_REFUSED",
    });
    await expect(read(() => Response.json({}, { status: 503 }))).rejects.toMatchObject({ code: "GATEWAY_UNAVAILABLE" });
    const away = Object.assign(Object.create(kit.chain) as typeof kit.chain, {
      head: () => Promise.reject(new Error()),
    });
    await expect(read(forged.fetch, away)).rejects.toMatchObject({ code: "CHAIN_UNREACHABLE" });
  });
});

test("without a gateway there is nothing to read from", async () => {
  const options = { chain: kit.chain, log: createLogger({ level: "silent" }) };
  await expect(openIntelligence({}, options)).rejects.toMatchObject({ code: "GATEWAY_NOT_CONFIGURED" });
  const unpinned = { XERIS_RELAY_URL: "http://127.0.0.1:9" };
  await expect(openIntelligence(unpinned, options)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
});
