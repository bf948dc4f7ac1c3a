import { afterEach, beforeEach, expect, test } from "vitest";
import { openGatewayStore } from "../../../src/relay/gateway/gateway-store.ts";
import type { SettlementRecord } from "../../../src/relay/gateway/payment-types.ts";
import type { Hex } from "../../../src/relay/payment/payment-types.ts";
import { FakeGate } from "./fake-gate.ts";
import { GatewayKit, get, post, type ReplyBody } from "./gateway-kit.ts";

let kit: GatewayKit;
let gate: FakeGate;
beforeEach(async () => {
  kit = await GatewayKit.open();
  gate = new FakeGate();
});
afterEach(() => kit[Symbol.asyncDispose]());

const start = () => kit.start({ openGate: async () => gate });

/** A payment that the sweep found settled on the chain. */
function settlementOf(signedHash: string, byte: string): SettlementRecord {
  const hex = (length: number): Hex => `0x${byte.repeat(length)}`;
  return {
    key: { network: "eip155:84532", asset: hex(20), from: hex(20), nonce: hex(32) },
    signedHash,
    payTo: hex(20),
    amount: 1_000,
    validBefore: 1,
    bound: false,
    transaction: hex(32),
    now: Date.now(),
  };
}

test("a submission that two paid for while nobody could say so is stored once, and holds up no other", async () => {
  const [twice, once] = [await kit.inference({}, "paid twice"), await kit.inference({}, "paid once")];
  {
    await using gateway = await start();
    gate.next = "unknown";
    for (const { text } of [twice, once]) expect((await post(gateway, text, { "x-paid": "1" })).status).toBe(503);
    await using store = openGatewayStore(kit.config().folder);
    for (const [{ signedHash }, byte] of [
      [twice, "a1"],
      [twice, "a2"],
      [once, "a3"],
    ] as const) {
      await store.call("recordSettlement", settlementOf(signedHash, byte));
    }
  }
  await using gateway = await start();
  for (const { signedHash } of [twice, once]) {
    expect(await get<ReplyBody>(gateway, `/relay/${signedHash}`)).toMatchObject({ status: "accepted" });
  }
});

test("a payment that is on a receipt stores no second item", async () => {
  const nonce = `${(await kit.chain.finalized()).number}:-:1795000000000:3`;
  const signed = await kit.inference({ nonce });
  const plain = signed.text.replace(/,"validator_hotkey".*$/, "}");
  const path = `/relay/${signed.signedHash}`;
  {
    await using gateway = await start();
    expect((await post(gateway, plain, { "x-paid": "1" })).status).toBe(201);
    gate.next = "unknown";
    expect((await post(gateway, signed.text, { "x-paid": "2" })).status).toBe(503);
  }
  {
    await using gateway = await start();
    expect(await get<ReplyBody>(gateway, `${path}?assurance=author`)).toMatchObject({ status: "payment_due" });
    await using store = openGatewayStore(kit.config().folder);
    await store.call("recordSettlement", settlementOf(signed.signedHash, "a1"));
  }
  await using gateway = await start();
  expect(await get<ReplyBody>(gateway, `${path}?assurance=author`)).toMatchObject({
    receipt: { gateway_seq: 2, payment: { transaction: `0x${"a1".repeat(32)}` } },
  });
});
