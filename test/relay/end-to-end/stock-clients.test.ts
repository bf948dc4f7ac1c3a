import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { gasKeyPath } from "../../../src/relay/gateway/payment-settlement.ts";
import type { RunningGateway } from "../../../src/relay/gateway/start-gateway.ts";
import { openPaymentKey } from "../../../src/relay/payment/payment-key.ts";
import { verifyReceipt } from "../../../src/relay/receipt.ts";
import { GatewayKit, get, type ReplyBody } from "../gateway/gateway-kit.ts";
import { type Money, newAddress, openMoney } from "../payment/money.ts";
import { openClient } from "../payment/paying-clients.ts";

const PRICE = 1_000;
const FUNDS = 1_000_000;

let kit: GatewayKit;
let money: Money;
let gateway: RunningGateway;
const payTo = newAddress();
beforeAll(async () => {
  [kit, money] = await Promise.all([GatewayKit.open(), openMoney()]);
  const folder = join(kit.folder, "gateway");
  await money.evm.fundGas((await openPaymentKey(gasKeyPath(folder))).address);
  const config = kit.config({
    ENGRAM_GATEWAY_PRICE_USD: "0.001",
    ENGRAM_GATEWAY_PAY_TO: payTo,
    ENGRAM_PAYMENT_RPC_URL: money.evm.url,
  });
  gateway = await kit.start({ config });
}, 60_000);
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await money[Symbol.asyncDispose]();
  await kit[Symbol.asyncDispose]();
});

test.each([
  ["x402-fetch", "author"],
  ["x402-fetch", "payer"],
  ["@x402/fetch", "author"],
  ["@x402/fetch", "payer"],
  ["@dexterai/x402", "author"],
  ["@dexterai/x402", "payer"],
] as const)("%s pays the gateway for an output of assurance %s, exactly the price", async (name, assurance) => {
  const before = await money.evm.balance(payTo);
  await using client = await openClient(name, money, FUNDS);
  const pay = client.pay(fetch);
  const said = `${name} says so`;
  const body = assurance === "author" ? (await kit.inference({}, said)).text : await kit.plain(said);
  const request = { method: "POST", body, headers: { "content-type": "application/json" } } as const;
  const unpaid = await fetch(`${gateway.url}/relay`, request);
  expect(unpaid.status).toBe(402);
  const reply = await pay(`${gateway.url}/relay`, request);
  expect(reply.status).toBe(201);
  expect(reply.headers.get(client.version === 1 ? "x-payment-response" : "payment-response")).not.toBeNull();
  // The receipt is in the body, too: a model's tools show no headers.
  const answer = (await reply.json()) as ReplyBody;
  const receipt = await verifyReceipt(answer.receipt, gateway.hotkey, answer.signed_hash ?? "");
  const payer = client.address;
  expect(receipt).toMatchObject({ assurance, payment: { payer, amount: `${PRICE}`, bound: false } });
  expect(await money.evm.balance(payTo)).toBe(before + PRICE);
  expect(await money.evm.balance(payer)).toBe(FUNDS - PRICE);

  // Who asks again has it already: nothing is asked for a second time.
  const again = await pay(`${gateway.url}/relay`, request);
  expect(await again.json()).toMatchObject({ status: "duplicate", receipt });
  expect(await money.evm.balance(payTo)).toBe(before + PRICE);
  expect(await get(gateway, `/relay/${answer.signed_hash}`)).toMatchObject({ status: "accepted" });
});
