import { cp } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createHttpClient } from "../../../src/node/runtime/http-client.ts";
import { rotateKey } from "../../../src/relay/gateway/change-ledger.ts";
import type { RunningGateway } from "../../../src/relay/gateway/start-gateway.ts";
import { Relay } from "../../../src/relay/relay.ts";
import type { Succession } from "../../../src/relay/signed-statement.ts";
import { GatewayKit } from "../gateway/gateway-kit.ts";
import { sendTo } from "../intelligence/reader-kit.ts";
import { anInference, newSigner, StillClock, silent, sr25519, tempHome } from "../relay-kit.ts";

let kit: GatewayKit;
let gateway: RunningGateway;
beforeEach(async () => {
  kit = await GatewayKit.open();
  gateway = await kit.start();
});
afterEach(async () => {
  await gateway[Symbol.asyncDispose]();
  await kit[Symbol.asyncDispose]();
});

/** A relay that pinned the gateway's first key; `asked` counts its questions for successions, `told` changes their answers. */
async function relaying(home: string) {
  const { hotkey } = gateway;
  const clock = new StillClock();
  const state = { asked: 0, told: (response: Response): Response | Promise<Response> => response };
  const send = sendTo(() => gateway.url);
  const http = createHttpClient(async (request) => {
    const isQuestion = new URL(request.url).pathname === "/v1/successions";
    const response = await send(request);
    if (!isQuestion) return response;
    state.asked += 1;
    return await state.told(response);
  });
  const signer = newSigner();
  const at = { url: "http://gateway.test", hotkey };
  const settings = { netuid: 450, schemaVersion: "engram-v2", quorumMin: 1, deadlineMs: 5_000, gateway: at } as const;
  const open = () => new Relay({ home, settings, signer, chain: kit.chain, http, sr25519, log: silent, clock });
  const sent = async (relay: Relay, text: string) => {
    const { job } = await relay.submit(anInference(text));
    await relay.tick();
    return await relay.find(job ?? "");
  };
  const again = async (relay: Relay) => {
    clock.time += 300_000;
    await relay.tick();
  };
  return { open, sent, again, state };
}

/** Leaves the folder as it was beside it. */
async function rotate(): Promise<void> {
  await gateway[Symbol.asyncDispose]();
  const { folder } = kit.config();
  await cp(folder, `${folder}-before`, { recursive: true });
  await rotateKey(folder);
  gateway = await kit.start();
}

test("a gateway that changes its key is followed where the pinned one vouches for the next, and remembered", async () => {
  await using home = await tempHome();
  const { open, sent, again, state } = await relaying(home.path);
  const before = gateway.hotkey;
  {
    await using relay = open();
    const first = await sent(relay, "one");
    expect(first).toMatchObject({ state: "delivered", receipt: { gateway_hotkey: before } });
    expect(state.asked).toBe(0);
    await rotate();
    expect(gateway.hotkey).not.toBe(before);
    // Nobody vouches for the new key yet.
    state.told = async (response) => {
      const { successions } = (await response.json()) as { successions: Succession[] };
      return Response.json({ successions: successions.map((one) => ({ ...one, previous_signature: null })) });
    };
    const second = await sent(relay, "two");
    expect(second).toMatchObject({ state: "submitting", attempts: 1, lastError: "receipt_invalid", receipt: null });
    for (const told of [() => new Response("no"), () => Response.json({ successions: [] })]) {
      state.told = told;
      await again(relay);
    }
    expect(await relay.find(second?.job ?? "")).toMatchObject({ attempts: 3, lastError: "receipt_invalid" });
    state.told = (response) => response;
    await again(relay);
    const receipt = { gateway_seq: 2, gateway_hotkey: gateway.hotkey };
    expect(await relay.find(second?.job ?? "")).toMatchObject({ state: "delivered", receipt });
    expect(state.asked).toBe(4);
  }
  state.told = () => new Response(null, { status: 503 });
  await using relay = open();
  expect(await sent(relay, "three")).toMatchObject({ state: "delivered", receipt: { gateway_seq: 3 } });
  expect(state.asked).toBe(4);
  // A key that was replaced signs nothing that comes after, whatever its gateway then says of its keys.
  state.told = (response) => response;
  await gateway[Symbol.asyncDispose]();
  gateway = await kit.start({ config: { folder: `${kit.config().folder}-before` } });
  expect(gateway.hotkey).toBe(before);
  expect(await sent(relay, "four")).toMatchObject({ state: "submitting", lastError: "receipt_invalid" });
  expect(state.asked).toBe(5);
});
