import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { EngramError } from "../../../src/crypto/errors.ts";
import type { ChainClient } from "../../../src/node/ports.ts";
import { Auth2Gate } from "../../../src/node/protocol/auth2-gate.ts";
import { createHttpClient } from "../../../src/node/runtime/http-client.ts";
import { readAnchor } from "../../../src/relay/anchor.ts";
import { cosignRoutes } from "../../../src/relay/cosign/routes.ts";
import type { RunningGateway } from "../../../src/relay/gateway/start-gateway.ts";
import { Relay } from "../../../src/relay/relay.ts";
import { GatewayKit, get } from "../gateway/gateway-kit.ts";
import { StillClock, scoresOf, silent, sr25519 } from "../relay-kit.ts";

let kit: GatewayKit;
let gateway: RunningGateway;
let clock: StillClock;
let apps: Map<string, (request: Request) => Response | Promise<Response>>;
let relays: Relay[];
beforeEach(async () => {
  kit = await GatewayKit.open();
  gateway = await kit.start({ config: { anchor: "always" } });
  [clock, apps, relays] = [new StillClock(), new Map(), []];
  for (const index of [1, 2]) {
    const identity = kit.validator(index);
    const context = openRelay(index).cosignContext(async () => ({ scores: scoresOf(1, 0.5) }));
    const app = cosignRoutes({ context, gate: new Auth2Gate({ identity, sr25519, clock }), log: silent });
    apps.set(urlOf(index), (request) => app.fetch(request));
  }
});
afterEach(async () => {
  for (const relay of relays) await relay[Symbol.asyncDispose]();
  await gateway[Symbol.asyncDispose]();
  await kit[Symbol.asyncDispose]();
});

function urlOf(index: number): string {
  return `http://127.0.0.1:${8_090 + index}`;
}

/** The relay of a validator; what it sends goes to the others here, and to the gateway over TCP. */
function openRelay(index: number, chain: ChainClient = kit.chain, anchor: "always" | "never" = "always"): Relay {
  const shared = { netuid: 450, schemaVersion: "engram-v2", quorumMin: 2, deadlineMs: 5_000 } as const;
  const settings = { ...shared, anchor, gateway: { url: gateway.url, hotkey: gateway.hotkey } };
  const http = createHttpClient((request) => apps.get(new URL(request.url).origin)?.(request) ?? fetch(request));
  const peers = [1, 2].map((one) => ({ hotkey: kit.validator(one).hotkey, url: urlOf(one) }));
  const home = join(kit.folder, `relay-${index}`);
  const relay = new Relay({
    ...{ home, settings, signer: kit.validator(index), chain, http, sr25519, log: silent, peers, clock },
  });
  relays.push(relay);
  return relay;
}

/** Queues a ranking of the finalized block, far enough from it that this validator is in turn. */
async function emit(relay: Relay): Promise<void> {
  const { number: block, hash: blockHash } = await kit.chain.finalized();
  await relay.emitRanking({ block, blockHash, roundId: Math.floor(block / 50), scores: scoresOf(1, 0.5) });
  await kit.chain.step(20);
  clock.time += 240_000;
}

/** The chain, with `changes`, that counts its commitments. */
function chainWith(changes: Partial<ChainClient> = {}) {
  const written: string[] = [];
  const setCommitment: ChainClient["setCommitment"] = async (hotkey, bytes) => {
    const block = await (changes.setCommitment ?? kit.chain.setCommitment.bind(kit.chain))(hotkey, bytes);
    written.push(readAnchor(bytes)?.outputHash ?? "");
    return block;
  };
  const chain = new Proxy(kit.chain, {
    get: (target, name) => {
      const found =
        name === "setCommitment" ? setCommitment : (Reflect.get(changes, name) ?? Reflect.get(target, name));
      return typeof found === "function" ? found.bind(target) : found;
    },
  });
  return { chain: chain as ChainClient, written };
}

const newest = async (relay: Relay) => (await relay.list(null, 1))[0];

/** A tick some time later. */
async function tick(relay: Relay, blocks = 0): Promise<void> {
  if (blocks > 0) await kit.chain.step(blocks);
  clock.time += 5_000;
  expect(await relay.tick()).toBe(true);
}

/** The write runs beside the ticks: until its block is noted. */
async function untilWritten(relay: Relay): Promise<void> {
  await vi.waitFor(async () => expect((await newest(relay))?.anchor).not.toBeNull(), { interval: 5 });
}

test("a round is anchored once, after its quorum, and sent when the anchor is final", async () => {
  const { chain, written } = chainWith();
  const relay = openRelay(0, chain);
  await emit(relay);
  await tick(relay);
  expect(await newest(relay)).toMatchObject({ state: "anchoring", lastError: "anchor", firstSubmitAt: null });
  await untilWritten(relay);
  await tick(relay);
  expect(await newest(relay)).toMatchObject({ state: "anchoring", lastError: "anchor_not_final" });
  await tick(relay, 3);
  const delivered = await newest(relay);
  expect(delivered).toMatchObject({ state: "delivered", attempts: 0, lastHttpCode: 201 });
  expect(written).toEqual([delivered?.outputHash]);
  const feed = await get<{ external_intelligence: object[] }>(gateway, "/v1/external-intelligence");
  expect(feed.external_intelligence).toMatchObject([{ verified: { anchor: true } }]);
});

test("an anchor that a later round replaced is read at the block it was in", async () => {
  const { chain, written } = chainWith();
  const relay = openRelay(0, chain);
  await emit(relay);
  await tick(relay);
  await untilWritten(relay);
  const first = await newest(relay);
  // The gateway is away until another round stands in its place.
  apps.set(new URL(gateway.url).origin, () => new Response("", { status: 503 }));
  await tick(relay, 3);
  expect(await newest(relay)).toMatchObject({ state: "submitting", lastError: "http_503" });
  await kit.chain.step(50);
  await emit(relay);
  await tick(relay);
  await untilWritten(relay);
  await tick(relay, 3);
  expect(readAnchor(await kit.chain.commitment(kit.validator(0).hotkey))?.outputHash).toBe(written[1]);
  apps.delete(new URL(gateway.url).origin);
  clock.time += 300_000;
  await tick(relay);
  expect(await relay.find(first?.job ?? "")).toMatchObject({ state: "delivered" });
  expect(await newest(relay)).toMatchObject({ state: "delivered" });
  expect(written).toHaveLength(2);
});

test.each(["before it is in a block", "after"])(
  "killed while it is written, %s, it is looked for before it is written again",
  async (when) => {
    // The process dies inside the call: its end is never noted.
    const setCommitment: ChainClient["setCommitment"] = async (hotkey, bytes) => {
      if (when === "after") await kit.chain.setCommitment(hotkey, bytes);
      return await new Promise(() => undefined);
    };
    const dying = openRelay(0, chainWith({ setCommitment }).chain);
    await emit(dying);
    await tick(dying);
    expect(await newest(dying)).toMatchObject({ state: "anchoring", anchor: null });
    await dying[Symbol.asyncDispose]();
    const { chain, written } = chainWith();
    const relay = openRelay(0, chain);
    await tick(relay, 3);
    if (when === "before it is in a block") {
      // It may still come: nothing is written while it may.
      expect(written).toEqual([]);
      expect(await newest(relay)).toMatchObject({ state: "anchoring", lastError: "anchor" });
      clock.time += 240_000;
      await tick(relay);
      await untilWritten(relay);
      await tick(relay, 3);
    }
    expect(await newest(relay)).toMatchObject({ state: "delivered" });
    expect(written).toHaveLength(when === "after" ? 0 : 1);
  },
);

test("what a person must mend parks it with its reason; too soon waits, and others go on", async () => {
  const errors = [new EngramError("CHAIN_RATE_LIMIT", "too soon"), new EngramError("CHAIN_BALANCE", "no funds")];
  let asked = 0;
  const setCommitment: ChainClient["setCommitment"] = async (hotkey, bytes) => {
    asked += 1;
    const error = errors.shift();
    if (error) throw error;
    return await kit.chain.setCommitment(hotkey, bytes);
  };
  const relay = openRelay(0, chainWith({ setCommitment }).chain);
  await emit(relay);
  await tick(relay);
  await vi.waitFor(async () => expect((await newest(relay))?.anchorSentAt).toBeNull(), { interval: 5 });
  await tick(relay);
  expect(await newest(relay)).toMatchObject({ state: "anchoring", lastError: "anchor_rate_limit" });
  expect(asked).toBe(1);
  clock.time += 60_000;
  await tick(relay);
  await vi.waitFor(() => expect(asked).toBe(2), { interval: 5 });
  await vi.waitFor(async () => expect((await newest(relay))?.anchorSentAt).toBeNull(), { interval: 5 });
  await tick(relay);
  const parked = await newest(relay);
  expect(parked).toMatchObject({ state: "parked", lastError: "anchor_no_funds", firstSubmitAt: null });
  expect(await relay.replay(parked?.job ?? "")).toBe(true);
  await tick(relay);
  await untilWritten(relay);
  await tick(relay, 3);
  expect(await newest(relay)).toMatchObject({ state: "delivered" });
});

test("without an anchor the gateway accepts nothing, and after an hour the relay says why", async () => {
  const relay = openRelay(0, kit.chain, "never");
  await emit(relay);
  await tick(relay);
  expect(await newest(relay)).toMatchObject({ state: "cosigning", lastError: "pending_chain", lastHttpCode: 202 });
  clock.time += 3_600_001;
  await tick(relay);
  expect(await newest(relay)).toMatchObject({ state: "skipped", lastError: "no_anchor" });
});
