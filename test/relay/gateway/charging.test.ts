import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { RunningGateway } from "../../../src/relay/gateway/start-gateway.ts";
import { verifyReceipt } from "../../../src/relay/receipt.ts";
import { FakeGate } from "./fake-gate.ts";
import { GatewayKit, get, post, type ReplyBody } from "./gateway-kit.ts";

let kit: GatewayKit;
let gate: FakeGate;
let gateway: RunningGateway;
beforeAll(async () => {
  kit = await GatewayKit.open();
  gate = new FakeGate();
  gateway = await kit.start({ openGate: async () => gate });
});
beforeEach(() => {
  gate.settled = 0;
  gate.next = "settled";
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await kit[Symbol.asyncDispose]();
});

describe("a gateway with a price", () => {
  it("asks for payment last, once, and puts it on the receipt", async () => {
    const cosigners = kit.validators.slice(1);
    const { text, signedHash } = await kit.ranking({ cosigners });
    const asked = await post(gateway, text);
    expect(asked).toMatchObject({ status: 402, body: { resource: `${gateway.url}/relay` } });
    expect(asked.headers.get("payment-required")).toBe("x");
    expect(await get<ReplyBody>(gateway, `/relay/${signedHash}`)).toMatchObject({ status: "payment_due" });
    const paid = await post(gateway, text, { "x-paid": "11" });
    expect(paid.status).toBe(201);
    expect(paid.headers.get("payment-response")).toBe("paid");
    const receipt = await verifyReceipt(paid.body.receipt, gateway.hotkey, signedHash);
    expect(receipt.payment).toMatchObject({ amount: "1000", bound: true });
    expect(await post(gateway, text, { "x-paid": "11" })).toMatchObject({ status: 200, body: { receipt } });
    expect(gate.settled).toBe(1);
  });

  it("takes no money for what is pending or refused", async () => {
    await kit.chain.step(50);
    const pending = await kit.ranking();
    expect((await post(gateway, pending.text, { "x-paid": "21" })).status).toBe(202);
    const early = await kit.inference({ block: (await kit.chain.head()).number });
    expect((await post(gateway, early.text, { "x-paid": "22" })).status).toBe(425);
    expect(gate.settled).toBe(0);
  });

  it("keeps nothing of strangers who do not pay", async () => {
    const { text, signedHash } = await kit.inference();
    expect((await post(gateway, text)).status).toBe(402);
    expect(await get<ReplyBody>(gateway, `/relay/${signedHash}`)).toMatchObject({ error: "unknown_submission" });
  });

  it("takes a plain paid text as its payer's, and later the same from its author", async () => {
    const nonce = `${(await kit.chain.finalized()).number}:-:1795000000000:3`;
    const signed = await kit.inference({ nonce });
    const plain = signed.text.replace(/,"validator_hotkey".*$/, "}");
    const first = await post(gateway, plain, { "x-paid": "41" });
    expect(first).toMatchObject({ status: 201, body: { signed_hash: signed.signedHash } });
    expect(first.body.receipt).toMatchObject({ assurance: "payer", payment: { bound: true } });
    expect((await post(gateway, signed.text, { "x-paid": "41" })).status).toBe(402);
    const second = await post(gateway, signed.text, { "x-paid": "42" });
    expect(second).toMatchObject({ status: 201, body: { receipt: { assurance: "author" } } });
    expect((await post(gateway, plain)).body.receipt?.assurance).toBe("author");
  });

  it("holds the nonce while a payment is open, and gives it back when none was made", async () => {
    const nonce = `${(await kit.chain.finalized()).number}:-:1795000000000:4`;
    const [one, other] = [await kit.inference({ nonce }, "one"), await kit.inference({ nonce }, "other")];
    gate.next = "unknown";
    expect((await post(gateway, one.text, { "x-paid": "51" })).status).toBe(503);
    expect(await post(gateway, other.text, { "x-paid": "52" })).toMatchObject({ status: 503, body: { error: "busy" } });
    gate.next = "refused";
    expect((await post(gateway, one.text, { "x-paid": "51" })).status).toBe(402);
    gate.next = "settled";
    expect((await post(gateway, other.text, { "x-paid": "52" })).status).toBe(201);
    expect(await post(gateway, one.text, { "x-paid": "51" })).toMatchObject({ status: 409 });
    expect(gate.settled).toBe(1);
  });
});
