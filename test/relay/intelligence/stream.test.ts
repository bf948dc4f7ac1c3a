import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Fetch } from "../../../src/node/runtime/http-client.ts";
import type { RunningGateway } from "../../../src/relay/gateway/start-gateway.ts";
import type { IntelligenceQuery } from "../../../src/relay/intelligence/types.ts";
import { GatewayKit, post } from "../gateway/gateway-kit.ts";
import { isStream, lying, openReader, sendTo, take } from "./reader-kit.ts";

const AUTHORS: IntelligenceQuery = { minAssurance: "author", after: 0 };

let kit: GatewayKit;
let gateway: RunningGateway;
let stop: AbortController;
beforeEach(async () => {
  kit = await GatewayKit.open();
  gateway = await kit.start();
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await gateway[Symbol.asyncDispose]();
  await kit[Symbol.asyncDispose]();
});

const honest = sendTo(() => gateway.url);

async function submit(said: string): Promise<void> {
  expect((await post(gateway, (await kit.inference({}, said)).text)).status).toBe(201);
}

async function follow(fetch: Fetch, query = AUTHORS) {
  const reader = await openReader(kit, { hotkey: gateway.hotkey, fetch });
  return reader.follow(query, stop.signal);
}

describe("a stream", () => {
  test("goes on without a gap or a repetition after its connection was cut and its gateway restarted", async () => {
    const cuts: AbortController[] = [];
    const items = await follow(async (request) => {
      const response = await honest(request);
      if (!isStream(request)) return response;
      const [cut, { readable, writable }] = [new AbortController(), new TransformStream<Uint8Array, Uint8Array>()];
      cuts.push(cut);
      void response.body?.pipeTo(writable, { signal: cut.signal }).catch(() => undefined);
      return new Response(readable, response);
    });
    for (const said of ["one", "two", "three"]) await submit(said);
    expect(await take(items, 2)).toEqual([1, 2]);
    cuts.at(-1)?.abort();
    await submit("four");
    expect(await take(items, 2)).toEqual([3, 4]);
    expect(cuts.length).toBeGreaterThan(1);
    await gateway[Symbol.asyncDispose]();
    const waiting = take(items, 2);
    gateway = await kit.start();
    await submit("five");
    await submit("six");
    expect(await waiting).toEqual([5, 6]);
  });

  test("without a number begins with what comes after it was opened", async () => {
    await submit("earlier");
    const items = await follow(honest, { minAssurance: "author" });
    const first = take(items, 1);
    // The stream stands once the gateway knows of it: what is sent before is not missed either, as it asks by number.
    await submit("later");
    await submit("later still");
    const [seq] = await first;
    expect([2, 3]).toContain(seq);
    if (seq === 2) expect(await take(items, 1)).toEqual([3]);
  });

  test("refuses what it cannot prove and goes on", async () => {
    await submit("one");
    await submit("two");
    const items = await follow(
      lying(honest, /^\/relay\//, (state: { receipt: { gateway_seq: number } }) =>
        state.receipt.gateway_seq === 1 ? { ...state, receipt: null } : state,
      ),
    );
    expect(await take(items, 2)).toEqual(["receipt_invalid", 2]);
  });

  test("passes over an item whose proof the gateway keeps back, after it asked again", async () => {
    await submit("one");
    await submit("two");
    const [asked, fetch] = withholding();
    expect(await take(await follow(fetch), 2)).toEqual(["withheld", 2]);
    expect(asked()).toBe(5);
  });

  test("ends when its reader leaves, and closes the connection", async () => {
    await submit("one");
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    const items = await follow((request) => {
      if (isStream(request)) request.signal.addEventListener("abort", () => resolve());
      return honest(request);
    });
    expect(await take(items, 1)).toEqual([1]);
    const waiting = items.next();
    stop.abort();
    expect(await waiting).toEqual({ value: undefined, done: true });
    await closed;
  });

  test("ends with an error where asking again changes nothing", async () => {
    const items = await follow(() => Response.redirect("http://elsewhere.test/", 307));
    await expect(items.next()).rejects.toMatchObject({ code: "GATEWAY_REFUSED" });
  });

  /** Answers 503 for the proof of the first item that is asked for. */
  function withholding(): [() => number, Fetch] {
    let [path, count] = ["", 0];
    const fetch: Fetch = (request) => {
      const { pathname } = new URL(request.url);
      if (!pathname.startsWith("/relay/")) return honest(request);
      if (path === "") path = pathname;
      if (path !== pathname) return honest(request);
      count += 1;
      return Response.json({ error: "unavailable" }, { status: 503 });
    };
    return [() => count, fetch];
  }
});
