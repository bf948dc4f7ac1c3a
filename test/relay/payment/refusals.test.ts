import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BASE_USDC } from "../../../src/relay/payment/payment-tokens.ts";
import type { Hex } from "../../../src/relay/payment/payment-types.ts";
import { encodeHeader } from "../../../src/relay/payment/payment-wire.ts";
import { type Money, newAddress, openMoney } from "./money.ts";
import { type Forgery, Payer } from "./payer.ts";
import { PRICE, Shop } from "./shop.ts";

let money: Money;
let shop: Shop;
let payer: Payer;
const payTo = newAddress();
beforeAll(async () => {
  money = await openMoney();
  const { evm, facilitator } = money;
  shop = new Shop({ evm, facilitator, folder: await money.folder(), payTo });
  payer = new Payer(evm.token);
  await evm.fund(payer.address, 1_000_000);
});
afterAll(async () => {
  await shop[Symbol.asyncDispose]();
  await money[Symbol.asyncDispose]();
});

const now = () => Math.floor(Date.now() / 1_000);
const flip = (signature: Hex): Hex => `0x${signature[2] === "0" ? "1" : "0"}${signature.slice(3)}`;

/** The signature's other form, which recovers the same payer and which tokens refuse. */
function highS(signature: Hex): Hex {
  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
  const s = (order - BigInt(`0x${signature.slice(66, 130)}`)).toString(16).padStart(64, "0");
  return `${signature.slice(0, 66)}${s}${signature.endsWith("1b") ? "1c" : "1b"}` as Hex;
}

const WRONG: readonly (readonly [string, () => Forgery, string])[] = [
  ["expired", () => ({ authorization: { validBefore: now() - 10 } }), "expired"],
  ["not yet valid", () => ({ authorization: { validAfter: now() + 600, validBefore: now() + 900 } }), "not_yet_valid"],
  ["valid for days", () => ({ authorization: { validBefore: now() + 86_400 } }), "too_long_valid"],
  ["to somebody else", () => ({ authorization: { to: newAddress() } }), "terms"],
  ["too little", () => ({ authorization: { value: PRICE - 1 } }), "terms"],
  ["too much", () => ({ authorization: { value: PRICE + 1 } }), "terms"],
  ["for another amount than signed", () => ({ signed: { value: PRICE - 1 } }), "signature"],
  ["of another payer than signed", () => ({ authorization: { from: newAddress() } }), "signature"],
  ["signed for another chain", () => ({ token: { ...money.evm.token, network: "eip155:8453" } }), "signature"],
  ["signed for another token", () => ({ token: BASE_USDC }), "signature"],
  ["on another network", () => ({ accepted: { network: "eip155:8453" } }), "terms"],
  ["in another token", () => ({ accepted: { asset: BASE_USDC.asset } }), "terms"],
  ["with the price changed in the terms", () => ({ accepted: { amount: `${PRICE - 1}` } }), "terms"],
  ["with the payee changed in the terms", () => ({ accepted: { payTo: newAddress() } }), "terms"],
  ["with a changed signature", () => ({ signature: flip }), "signature"],
  ["with the signature's other form", () => ({ signature: highS }), "signature"],
];

describe("a payment that is", () => {
  test.each(WRONG)("%s is refused, and nothing moves", async (_, forge, reason) => {
    const before = await money.evm.balance(payer.address);
    const reply = await shop.post("wrong", await payer.headers(shop, forge()));
    expect(reply.status).toBe(402);
    expect(await reply.json()).toMatchObject({ reason });
    expect(reply.headers.get("payment-required")).not.toBeNull();
    expect(await money.evm.balance(payer.address)).toBe(before);
    expect(await shop.deliveries()).toBe(0);
  });

  test("more than the payer has is refused, and its next try with money is taken", async () => {
    const poor = new Payer(money.evm.token);
    const folder = await money.folder();
    await using other = new Shop({ evm: money.evm, facilitator: money.facilitator, folder, payTo: newAddress() });
    const headers = await poor.headers(other);
    const reply = await other.post("poor", headers);
    expect(reply.status).toBe(402);
    const answer = await reply.text();
    expect(JSON.parse(answer)).toMatchObject({ reason: "insufficient_funds" });
    // Facilitators quote calldata and addresses of contracts; our words do not.
    expect(answer).not.toMatch(/viem|revert|calldata|ERC20|e3ee160e|cf092995/i);
    await money.evm.fund(poor.address, PRICE);
    expect((await other.post("poor", headers)).status).toBe(200);
  });

  test.each([
    ["no base64", { "payment-signature": "%%%" }],
    ["no payment", { "payment-signature": encodeHeader({ x402Version: 2 }) }],
    ["far too long", { "payment-signature": "A".repeat(10_000) }],
    ["two payments", { "payment-signature": encodeHeader({}), "x-payment": encodeHeader({}) }],
  ])("%s is malformed", async (_, headers) => {
    expect((await shop.post("malformed", headers)).status).toBe(400);
  });
});

test("the price can change: what was settled before is recognised on the terms of then", async () => {
  const folder = await money.folder();
  const options = { evm: money.evm, facilitator: money.facilitator, folder, payTo };
  let headers: Readonly<Record<string, string>>;
  {
    await using cheap = new Shop(options);
    headers = await payer.headers(cheap);
    expect((await cheap.post("price", headers)).status).toBe(200);
  }
  await using dear = new Shop({ ...options, price: 5 * PRICE });
  expect((await dear.post("price", headers)).status).toBe(200);
  expect((await dear.post("new", await payer.headers(dear, { authorization: { value: PRICE } }))).status).toBe(402);
});

test("a free gateway asks for nothing and takes nothing", async () => {
  const options = { evm: money.evm, facilitator: money.facilitator, folder: await money.folder(), payTo };
  await using free = new Shop({ ...options, price: 0 });
  const before = await money.evm.balance(payer.address);
  expect((await free.post("free")).status).toBe(200);
  expect((await free.post("free", await payer.headers(shop))).status).toBe(200);
  expect(await money.evm.balance(payer.address)).toBe(before);
});
