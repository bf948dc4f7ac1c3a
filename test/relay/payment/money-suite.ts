import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LocalEvm } from "../../../src/relay/evm/local-evm.ts";
import type { PaymentFacilitator } from "../../../src/relay/gateway/payment-facilitator.ts";
import type { PaymentToken } from "../../../src/relay/payment/payment-tokens.ts";
import type { Hex, PaymentChain } from "../../../src/relay/payment/payment-types.ts";
import { newAddress } from "./money.ts";
import { Payer } from "./payer.ts";
import { PRICE, Shop } from "./shop.ts";

/** A payment chain and who settles on it. */
export interface MoneyUnderTest extends AsyncDisposable {
  readonly token: PaymentToken;
  readonly chain: PaymentChain;
  readonly facilitator: PaymentFacilitator;
  fund(address: Hex, amount: number): void | Promise<void>;
  balance(address: Hex): number | Promise<number>;
}

/** What the gate needs of money, whatever moves it. */
export function moneySuite(name: string, open: () => Promise<MoneyUnderTest>): void {
  describe(`money: ${name}`, () => {
    let money: MoneyUnderTest;
    let folder: string;
    beforeAll(async () => {
      money = await open();
      folder = await mkdtemp(join(tmpdir(), "engram-money-"));
    });
    afterAll(async () => {
      await money[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    });

    async function scene(funds = PRICE * 10) {
      const { chain, facilitator, token } = money;
      const payTo = newAddress();
      // Only its token is asked for: chain and facilitator are given.
      const evm = { token, url: "" } as LocalEvm;
      const shop = new Shop({ evm, chain, facilitator, folder: await mkdtemp(join(folder, "shop-")), payTo });
      const payer = new Payer(token);
      if (funds > 0) await money.fund(payer.address, funds);
      return { shop, payer, payTo };
    }

    test("a payment moves exactly its amount, and the chain says so", async () => {
      const { shop, payer, payTo } = await scene();
      const headers = await payer.headers(shop);
      const reply = await shop.post("one", headers);
      const { payment } = (await reply.json()) as { payment: { transaction: Hex } };
      expect([await money.balance(payTo), await money.balance(payer.address)]).toEqual([PRICE, PRICE * 9]);
      const key = keyOf(headers, money.token);
      expect((await money.chain.authorization(key)).used).toBe(true);
      expect(await money.chain.outcome(key, { payTo, atLeast: PRICE })).toEqual({
        kind: "paid",
        transaction: payment.transaction,
      });
      expect(await money.chain.outcome(key, { payTo, atLeast: PRICE + 1 })).toEqual({ kind: "lost" });
      expect(await money.chain.outcome(key, { payTo: newAddress(), atLeast: PRICE })).toEqual({ kind: "lost" });
      await shop[Symbol.asyncDispose]();
    });

    test("the same payment moves money once, at one shop and at the next", async () => {
      const { shop, payer, payTo } = await scene();
      const headers = await payer.headers(shop);
      const replies = await Promise.all([1, 2, 3].map(() => shop.post("one", headers)));
      expect(replies.map(({ status }) => status)).toEqual([200, 200, 200]);
      const other = await scene(0);
      expect((await other.shop.post("two", headers)).status).toBe(402);
      expect(await money.balance(payTo)).toBe(PRICE);
      await Promise.all([shop, other.shop].map((one) => one[Symbol.asyncDispose]()));
    });

    test.each([
      ["without funds", 0, {}],
      ["whose signature is another's", PRICE, { signed: { value: 7 } }],
      ["that has ended", PRICE, { authorization: { validBefore: 1_700_000_000 } }],
    ])("a payment %s is refused, and stays unspent", async (_, funds, forgery) => {
      const { shop, payer, payTo } = await scene(funds);
      const headers = await payer.headers(shop, forgery);
      expect((await shop.post("one", headers)).status).toBe(402);
      expect((await money.chain.authorization(keyOf(headers, money.token))).used).toBe(false);
      expect([await money.balance(payTo), await shop.deliveries()]).toEqual([0, 0]);
      await shop[Symbol.asyncDispose]();
    });

    test("a facilitator refuses by itself what the gate would not have sent", async () => {
      const { shop, payer } = await scene(0);
      const headers = await payer.headers(shop);
      const payload = payloadOf(headers);
      const answer = await money.facilitator.settle(payload as never, payload.accepted as never);
      expect(answer).toMatchObject({ success: false, transaction: "" });
      await shop[Symbol.asyncDispose]();
    });
  });
}

function payloadOf(headers: Readonly<Record<string, string>>) {
  return JSON.parse(atob(headers["payment-signature"] ?? "")) as {
    readonly accepted: object;
    readonly payload: { readonly authorization: { readonly from: Hex; readonly nonce: Hex } };
  };
}

function keyOf(headers: Readonly<Record<string, string>>, { network, asset }: PaymentToken) {
  const { from, nonce } = payloadOf(headers).payload.authorization;
  return { network, asset, from, nonce };
}
