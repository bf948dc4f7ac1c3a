import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FeedItem } from "../../../src/relay/gateway/feed.ts";
import { openGatewayStore } from "../../../src/relay/gateway/gateway-store.ts";
import { newToken, type Scope, tokenHash } from "../../../src/relay/gateway/readers.ts";
import type { RunningGateway } from "../../../src/relay/gateway/start-gateway.ts";
import { type Receipt, verifyReceipt } from "../../../src/relay/receipt.ts";
import { FakeGate } from "./fake-gate.ts";
import { GatewayKit, type MadeSubmission, post } from "./gateway-kit.ts";

const PAYER = "1".repeat(40);
const FEED = "/v1/external-intelligence";

let kit: GatewayKit;
let gateway: RunningGateway;
let made: MadeSubmission;
const tokens = new Map<string, string>();
beforeAll(async () => {
  kit = await GatewayKit.open();
  gateway = await kit.start({ openGate: async () => new FakeGate(), config: { publicScopes: ["receipts"] } });
  made = await kit.ranking({ cosigners: kit.validators.slice(1) });
  expect((await post(gateway, made.text, { "x-paid": "7" })).status).toBe(201);
  await using store = openGatewayStore(kit.config().folder);
  for (const [name, ...scopes] of [
    ["one", "feed"],
    ["other", "feed"],
    ["trusted", "feed", "payers"],
  ] as const) {
    const token = newToken();
    tokens.set(name, token);
    await store.call("addReader", { name, hash: tokenHash(token), scopes: scopes as readonly Scope[] });
  }
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await kit[Symbol.asyncDispose]();
});

async function ask<T = unknown>(path: string, reader?: string): Promise<{ status: number; text: string; body: T }> {
  const headers = reader === undefined ? {} : { authorization: `Bearer ${tokens.get(reader) ?? reader}` };
  const response = await fetch(gateway.url + path, { headers });
  const text = await response.text();
  return { status: response.status, text, body: JSON.parse(text) as T };
}

const itemOf = async (reader: string) =>
  (await ask<{ external_intelligence: FeedItem[] }>(FEED, reader)).body.external_intelligence[0];

describe("readers", () => {
  it("see what their token is for", async () => {
    expect(await ask(FEED)).toMatchObject({ status: 403, body: { error: "forbidden" } });
    expect(await ask(`${FEED}/stream`)).toMatchObject({ status: 403 });
    expect(await ask(FEED, "nonsense")).toMatchObject({ status: 401, body: { error: "unauthorized" } });
    expect(await ask(FEED, "one")).toMatchObject({ status: 200 });
    expect(await ask("/v1/receipts")).toMatchObject({ status: 200 });
    expect(await ask(`/relay/${made.signedHash}`)).toMatchObject({ status: 200, body: { submission: null } });
    expect(await ask(`/relay/${made.signedHash}`, "one")).toMatchObject({ body: { submission: made.text } });
  });

  it("have a name of their own for each payer, and only those with the scope its address", async () => {
    const [one, again, other, trusted] = [
      await itemOf("one"),
      await itemOf("one"),
      await itemOf("other"),
      await itemOf("trusted"),
    ];
    expect(one?.payer).toMatch(/^payer-[0-9a-f]{24}$/);
    expect(again?.payer).toBe(one?.payer);
    expect(other?.payer).not.toBe(one?.payer);
    expect(one).toMatchObject({ payer_bound: true, verified: { payment: true } });
    expect(one).not.toHaveProperty("payer_address");
    expect(trusted).toMatchObject({ payer_address: `0x${PAYER}` });
  });

  it.each(["/v1/receipts", "/relay/HASH", FEED])("%s tells nobody else who paid, and proves the same", async (path) => {
    const at = path.replace("HASH", made.signedHash);
    expect((await ask(at, "one")).text).not.toContain(PAYER);
    expect((await ask(at, "trusted")).text).toContain(PAYER);
    const { body } = await ask<{ receipt: Receipt }>(`/relay/${made.signedHash}`, "one");
    await verifyReceipt(body.receipt, gateway.hotkey, made.signedHash);
  });

  it("who sends a submission again is shown who paid when it was themselves", async () => {
    const own = await post(gateway, made.text, { "x-paid": "7" });
    expect(own.body.receipt?.payment?.payer).toBe(`0x${PAYER}`);
    const stranger = await post(gateway, made.text);
    expect(stranger.status).toBe(200);
    expect(stranger.body.receipt).not.toHaveProperty("payment");
    await verifyReceipt(stranger.body.receipt, gateway.hotkey, made.signedHash);
  });
});
