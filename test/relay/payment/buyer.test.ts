import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { createTestClient, http } from "viem";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ReceivedChallenge } from "../../../src/relay/payment/buyer-types.ts";
import { PaymentBuyer, payerKeyPath } from "../../../src/relay/payment/payment-buyer.ts";
import type { PaymentSettings } from "../../../src/relay/payment/payment-settings.ts";
import { BASE_SEPOLIA_USDC, BASE_USDC } from "../../../src/relay/payment/payment-tokens.ts";
import { encodeHeader } from "../../../src/relay/payment/payment-wire.ts";
import { type Money, newAddress, openMoney, SETTINGS } from "./money.ts";
import { PRICE, Shop, submissionOf } from "./shop.ts";

let money: Money;
beforeAll(async () => {
  money = await openMoney();
});
afterAll(() => money[Symbol.asyncDispose]());

const PAYEE = newAddress();

interface Asked {
  readonly amount?: number;
  readonly payTo?: string;
  readonly network?: string;
  readonly asset?: string;
}

function asks(...offers: readonly Asked[]): ReceivedChallenge {
  const accepts = offers.map(({ amount = PRICE, payTo = PAYEE, network, asset }) => ({
    scheme: "exact",
    network: network ?? "eip155:84532",
    asset: asset ?? BASE_SEPOLIA_USDC.asset,
    amount: `${amount}`,
    payTo,
    maxTimeoutSeconds: 300,
    extra: { name: "USDC", version: "2" },
  }));
  const required = { x402Version: 2, resource: { url: "http://gateway.test" }, accepts };
  return { headers: new Headers({ "payment-required": encodeHeader(required) }), body: {} };
}

/** What another address asked for, handed on. */
function inNameOf(url: string): ReceivedChallenge {
  const { headers } = asks({});
  const required = JSON.parse(atob(headers.get("payment-required") ?? "")) as object;
  return { headers: new Headers({ "payment-required": encodeHeader({ ...required, resource: { url } }) }), body: {} };
}

/** The same in the first version, which asks in the body alone. */
function asksFirst(): ReceivedChallenge {
  const terms = { payTo: PAYEE, asset: BASE_SEPOLIA_USDC.asset, maxAmountRequired: `${PRICE}`, maxTimeoutSeconds: 60 };
  const accepts = [{ scheme: "exact", network: "base-sepolia", ...terms }];
  return { headers: new Headers(), body: { x402Version: 1, accepts } };
}

async function openBuyer(settings: Partial<PaymentSettings> = {}, home?: string): Promise<PaymentBuyer> {
  return money.buyer({ settings: { ...SETTINGS, ...settings }, funds: 0, ...(home === undefined ? {} : { home }) });
}

describe("the buyer refuses", () => {
  test.each<[string, Partial<PaymentSettings>, ReceivedChallenge, string]>([
    ["everything while no budget is set", { dailyBudget: 0 }, asks({}), "PAYMENT_BUDGET"],
    ["more than the budget", { dailyBudget: PRICE - 1 }, asks({}), "PAYMENT_BUDGET"],
    ["more than one payment may cost", { maxPayment: PRICE - 1 }, asks({}), "PAYMENT_TOO_DEAR"],
    ["a payee that is not listed", { payees: [newAddress()] }, asks({}), "PAYMENT_NOT_ALLOWED"],
    ["real dollars", {}, asks({ network: "eip155:8453", asset: BASE_USDC.asset }), "PAYMENT_NOT_ALLOWED"],
    ["an origin that is not listed", { origins: ["http://other.test"] }, asks({}), "PAYMENT_NOT_ALLOWED"],
    ["who asks in another's name", {}, inNameOf("http://other.test/relay"), "PAYMENT_NOT_ALLOWED"],
    ["another token", {}, asks({ asset: newAddress() }), "PAYMENT_NOT_ALLOWED"],
    ["a price of nothing", {}, asks({ amount: 0 }), "PAYMENT_NOT_ALLOWED"],
    ["a 402 without terms", {}, { headers: new Headers(), body: { error: "pay!" } }, "PAYMENT_CHALLENGE_INVALID"],
  ])("%s, and reserves nothing", async (_, settings, challenge, code) => {
    await using buyer = await openBuyer(settings);
    await expect(buyer.pay(challenge, submissionOf("x"))).rejects.toMatchObject({ code, fix: expect.any(String) });
    expect(await buyer.stored(submissionOf("x"))).toBeUndefined();
    expect(await buyer.budget()).toMatchObject({ reserved: 0, spent: 0 });
  });
});

describe("the buyer", () => {
  test("signs once and sends the same bytes for ever, restarted or not", async () => {
    const home = await money.folder();
    let first: unknown;
    {
      await using buyer = await openBuyer({}, home);
      first = await buyer.pay(asks({}), submissionOf("same"));
      expect(await buyer.pay(asks({}), submissionOf("same"))).toEqual(first);
    }
    await using buyer = await openBuyer({}, home);
    expect(await buyer.stored(submissionOf("same"))).toEqual(first);
    expect(await buyer.pay(asks({ amount: 2 * PRICE }, {}), submissionOf("same"))).toEqual(first);
    expect(await buyer.budget()).toMatchObject({ reserved: PRICE, spent: 0 });
    // The same text at another gateway, or another text, is another payment.
    const elsewhere = { ...submissionOf("same"), resource: "http://other.test/relay" };
    expect(await buyer.pay(inNameOf(elsewhere.resource), elsewhere)).not.toEqual(first);
    expect(await buyer.pay(asks({}), submissionOf("other"))).not.toEqual(first);
  });

  test("stops when a gateway changes what it asks for", async () => {
    await using buyer = await openBuyer();
    const first = await buyer.pay(asks({}), submissionOf("changed"));
    for (const challenge of [asks({ amount: PRICE + 1 }), asks({ payTo: newAddress() })]) {
      await expect(buyer.pay(challenge, submissionOf("changed"))).rejects.toMatchObject({ code: "PAYMENT_CHANGED" });
      // A person who accepts new terms still sends the old payment while it could be spent.
      expect(await buyer.pay(challenge, submissionOf("changed"), { acceptNewTerms: true })).toEqual(first);
    }
    expect(await buyer.budget()).toMatchObject({ reserved: PRICE });
  });

  test("answers a gateway of the first version in its own tongue", async () => {
    await using buyer = await openBuyer();
    const headers = await buyer.pay(asksFirst(), submissionOf("first"));
    const sent = JSON.parse(atob(headers["x-payment"] ?? "")) as Record<string, unknown>;
    expect(sent).toMatchObject({ x402Version: 1, scheme: "exact", network: "base-sepolia" });
    expect(headers["payment-signature"]).toBeUndefined();
  });

  test("keeps its key to itself", async () => {
    const home = await money.folder();
    await using buyer = await openBuyer({}, home);
    await buyer.budget();
    const key = (await readFile(payerKeyPath(home), "utf8")).trim();
    expect(key).toMatch(/^0x[0-9a-f]{64}$/);
    expect((await stat(payerKeyPath(home))).mode & 0o777).toBe(0o600);
    expect((await stat(join(home, "payments.sqlite"))).mode & 0o777).toBe(0o600);
    await using again = await openBuyer({}, home);
    expect(again.address).toBe(buyer.address);
  });
});

describe("after a payment's end", () => {
  test("it signs again with the same nonce, once the chain says that the first was never spent", async () => {
    await using chain = await openMoney();
    const shift = 400;
    let now = Date.now();
    const clock = { now: () => now, sleep: async () => undefined };
    const payTo = newAddress();
    const { evm, facilitator } = chain;
    await using shop = new Shop({ evm, facilitator, folder: await chain.folder(), payTo });
    const home = await chain.folder();
    await using buyer = await PaymentBuyer.open({ home, settings: SETTINGS, chain: chain.chain, clock });
    await evm.fund(buyer.address, PRICE);
    const ask = async () => {
      const reply = await shop.post("late");
      return { headers: reply.headers, body: await reply.json() };
    };
    const submission = submissionOf("late");
    const first = await buyer.pay(await ask(), submission);
    now += shift * 1_000;
    // The buyer's own clock is not enough: the chain's time decides.
    expect(await buyer.pay(await ask(), submission)).toEqual(first);
    await buyer.reconcile();
    expect(await buyer.budget()).toMatchObject({ reserved: PRICE });
    await createTestClient({ mode: "anvil", transport: http(evm.url) }).increaseTime({ seconds: shift });
    const second = await buyer.pay(await ask(), submission);
    expect(second).not.toEqual(first);
    expect(nonceIn(second)).toBe(nonceIn(first));
    expect(await buyer.budget()).toMatchObject({ reserved: PRICE });
    expect((await shop.post("late", second)).status).toBe(200);
    expect(await evm.balance(payTo)).toBe(PRICE);
    // Spent: however late it is, the same bytes are sent again, and the sweep counts them.
    now += 2 * shift * 1_000;
    await createTestClient({ mode: "anvil", transport: http(evm.url) }).increaseTime({ seconds: 2 * shift });
    expect(await buyer.pay(await ask(), submission)).toEqual(second);
    await buyer.reconcile();
    expect(await buyer.ledger()).toMatchObject([{ state: "settled", transaction: expect.stringMatching(/^0x/) }]);
  });

  test("the sweep gives back what was never spent, and another payment may use it", async () => {
    await using chain = await openMoney();
    let now = Date.now();
    const clock = { now: () => now, sleep: async () => undefined };
    const settings = { ...SETTINGS, dailyBudget: PRICE };
    await using buyer = await PaymentBuyer.open({ home: await chain.folder(), settings, chain: chain.chain, clock });
    await buyer.pay(asks({}), submissionOf("unspent"));
    await expect(buyer.pay(asks({}), submissionOf("next"))).rejects.toMatchObject({ code: "PAYMENT_BUDGET" });
    now += 400_000;
    await createTestClient({ mode: "anvil", transport: http(chain.evm.url) }).increaseTime({ seconds: 400 });
    await buyer.reconcile();
    expect(await buyer.stored(submissionOf("unspent"))).toBeUndefined();
    await buyer.pay(asks({}), submissionOf("next"));
    // The first one's turn is over until the budget has room again.
    await expect(buyer.pay(asks({}), submissionOf("unspent"))).rejects.toMatchObject({ code: "PAYMENT_BUDGET" });
  });
});

function nonceIn(headers: Readonly<Record<string, string>>): string {
  const sent = JSON.parse(atob(headers["payment-signature"] ?? "")) as {
    readonly payload: { readonly authorization: { readonly nonce: string } };
  };
  return sent.payload.authorization.nonce;
}
