import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PaymentHeaders } from "../../../src/relay/payment/buyer-types.ts";
import type { PaymentBuyer } from "../../../src/relay/payment/payment-buyer.ts";
import type { Hex } from "../../../src/relay/payment/payment-types.ts";
import { type Money, newAddress, openMoney } from "./money.ts";
import { PRICE, Shop, submissionOf } from "./shop.ts";

let money: Money;
beforeAll(async () => {
  money = await openMoney();
});
afterAll(() => money[Symbol.asyncDispose]());

async function openShop(payTo: Hex = newAddress(), folder?: string): Promise<Shop> {
  const { evm, facilitator } = money;
  return new Shop({ evm, facilitator, folder: folder ?? (await money.folder()), payTo });
}

/** Asks for the price and makes out the payment, without sending it. */
async function makeOut(shop: Shop, buyer: PaymentBuyer, body: string): Promise<PaymentHeaders> {
  const asked = await shop.post(body);
  expect(asked.status).toBe(402);
  return buyer.pay({ headers: asked.headers, body: await asked.json() }, submissionOf(body));
}

describe("a bound payment", () => {
  test("moves exactly the price, once, and the receipt names payer and transaction", async () => {
    const payTo = newAddress();
    await using shop = await openShop(payTo);
    await using buyer = await money.buyer();
    const headers = await makeOut(shop, buyer, "one");
    const reply = await shop.post("one", headers);
    expect(reply.status).toBe(200);
    const { payment } = (await reply.json()) as { payment: Record<string, unknown> };
    expect(payment).toEqual({
      payer: buyer.address,
      amount: `${PRICE}`,
      asset: money.evm.token.asset,
      network: "eip155:84532",
      transaction: expect.stringMatching(/^0x[0-9a-f]{64}$/),
      bound: true,
    });
    await buyer.settled(submissionOf("one"), reply.headers);
    expect(await money.evm.balance(payTo)).toBe(PRICE);
    expect(await money.evm.balance(buyer.address)).toBe(1_000_000 - PRICE);
    expect(await shop.deliveries()).toBe(1);
    const [entry] = await buyer.ledger();
    expect(entry).toMatchObject({ state: "settled", amount: PRICE, transaction: payment["transaction"] });
    expect(await buyer.budget()).toMatchObject({ reserved: 0, spent: PRICE, left: 1_000_000 - PRICE });
  });

  test("is paid once when the reply is lost and both sides restart", async () => {
    const payTo = newAddress();
    const [home, folder] = await Promise.all([money.folder(), money.folder()]);
    let first: Record<string, unknown>;
    {
      await using shop = await openShop(payTo, folder);
      await using buyer = await money.buyer({ home });
      const headers = await makeOut(shop, buyer, "two");
      first = (await (await shop.post("two", headers)).json()) as Record<string, unknown>;
    }
    await using shop = await openShop(payTo, folder);
    await using buyer = await money.buyer({ home, funds: 0 });
    const headers = await buyer.stored(submissionOf("two"));
    const reply = await shop.post("two", headers);
    expect(reply.status).toBe(200);
    expect(await reply.json()).toEqual(first);
    expect(await money.evm.balance(payTo)).toBe(PRICE);
    expect(await shop.deliveries()).toBe(1);
  });

  test("in eight copies at once is settled once and answered eight times", async () => {
    const payTo = newAddress();
    let settles = 0;
    const { evm, facilitator } = money;
    const counting = {
      ...facilitator,
      settle: (...args: Parameters<typeof facilitator.settle>) => {
        settles += 1;
        return facilitator.settle(...args);
      },
    };
    await using shop = new Shop({ evm, facilitator: counting, folder: await money.folder(), payTo });
    await using buyer = await money.buyer();
    const headers = await makeOut(shop, buyer, "three");
    const replies = await Promise.all(Array.from({ length: 8 }, () => shop.post("three", headers)));
    expect(replies.map(({ status }) => status)).toEqual(Array(8).fill(200));
    const bodies = await Promise.all(replies.map((reply) => reply.text()));
    expect(new Set(bodies).size).toBe(1);
    expect(settles).toBe(1);
    expect(await money.evm.balance(payTo)).toBe(PRICE);
    expect(await shop.deliveries()).toBe(1);
  });

  test("is recognised from the chain when the gateway lost its table", async () => {
    const payTo = newAddress();
    await using shop = await openShop(payTo);
    await using buyer = await money.buyer();
    const headers = await makeOut(shop, buyer, "four");
    const first: unknown = await (await shop.post("four", headers)).json();
    await shop.store.call("loseEverything", null);
    const reply = await shop.post("four", headers);
    expect(reply.status).toBe(200);
    expect(await reply.json()).toEqual(first);
    expect(await money.evm.balance(payTo)).toBe(PRICE);
  });

  test("pays for no other submission, settled or not", async () => {
    const payTo = newAddress();
    await using shop = await openShop(payTo);
    await using buyer = await money.buyer();
    const headers = await makeOut(shop, buyer, "five");
    const lifted = await shop.post("other", headers);
    expect(lifted.status).toBe(400);
    expect(await lifted.json()).toMatchObject({ reason: "payment_mismatched" });
    // Told once, however often it is sent; and nobody is asked to pay for it.
    await shop.post("other", headers);
    expect(await shop.store.call("paymentTotals", null)).toEqual({ bound: 0, unbound: 0, mismatched: 1 });
    expect(await shop.store.call("receivedPayments", { limit: 10 })).toMatchObject([
      { state: "refused", binding: "mismatched", payer: buyer.address.toLowerCase(), amount: PRICE, transaction: null },
    ]);
    expect(await money.evm.balance(payTo)).toBe(0);
    expect((await shop.post("five", headers)).status).toBe(200);
    // Without its salt it looks like a stock client's: then the table knows.
    const { "x-engram-payment-salt": _, ...unsalted } = headers;
    const spent = await shop.post("other", unsalted);
    expect(spent.status).toBe(409);
    expect(await shop.deliveries()).toBe(1);
    expect(await money.evm.balance(payTo)).toBe(PRICE);
    expect(await shop.store.call("paymentTotals", null)).toEqual({ bound: 1, unbound: 0, mismatched: 1 });
  });
});
