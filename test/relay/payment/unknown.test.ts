import { createTestClient, http, publicActions, walletActions } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EngramError } from "../../../src/crypto/errors.ts";
import { tokenAbi } from "../../../src/relay/evm/token-abi.ts";
import type { PaymentFacilitator } from "../../../src/relay/gateway/payment-facilitator.ts";
import type { PaymentChain } from "../../../src/relay/payment/payment-types.ts";
import { type Money, newAddress, openMoney } from "./money.ts";
import { Payer } from "./payer.ts";
import { PRICE, Shop, type ShopOptions, submissionOf } from "./shop.ts";

let money: Money;
let payer: Payer;
beforeAll(async () => {
  money = await openMoney();
  payer = new Payer(money.evm.token);
  await money.evm.fund(payer.address, 1_000_000);
});
afterAll(() => money[Symbol.asyncDispose]());

async function openShop(options: Partial<ShopOptions> = {}): Promise<Shop> {
  const { evm, facilitator } = money;
  return new Shop({ evm, facilitator, folder: await money.folder(), payTo: newAddress(), ...options });
}

/** Behaves as `first` says until it is asked a second time. */
function once(first: PaymentFacilitator["settle"]): PaymentFacilitator {
  let asked = 0;
  return {
    ...money.facilitator,
    settle: (payload, requirements) => {
      asked += 1;
      return (asked === 1 ? first : money.facilitator.settle)(payload, requirements);
    },
  };
}

describe("when the facilitator's answer is", () => {
  test("lost after it settled, the client hears no 402 and pays once", async () => {
    const payTo = newAddress();
    const facilitator = once(async (payload, requirements) => {
      await money.facilitator.settle(payload, requirements);
      throw new Error("socket hang up 0xdeadbeef");
    });
    await using shop = await openShop({ facilitator, payTo });
    // The chain is asked at once, so even the first try finds its payment.
    const reply = await shop.post("lost", await payer.headers(shop));
    expect(reply.status).toBe(200);
    expect(await money.evm.balance(payTo)).toBe(PRICE);
  });

  test("lost while the chain cannot be asked, it is 503 until the chain answers, and paid once", async () => {
    const payTo = newAddress();
    let down = false;
    const facilitator = once(async (payload, requirements) => {
      await money.facilitator.settle(payload, requirements);
      down = true;
      throw new Error("socket hang up 0xdeadbeef");
    });
    const unreachable = async () => {
      throw new EngramError("PAYMENT_CHAIN_UNREACHABLE", "the payment chain does not answer");
    };
    const chain: PaymentChain = {
      authorization: (key) => (down ? unreachable() : money.chain.authorization(key)),
      outcome: (key, expected) => (down ? unreachable() : money.chain.outcome(key, expected)),
    };
    await using shop = await openShop({ facilitator, payTo, chain });
    const headers = await payer.headers(shop);
    for (let i = 0; i < 2; i++) {
      const reply = await shop.post("down", headers);
      expect(reply.status).toBe(503);
      expect(Number(reply.headers.get("retry-after"))).toBeGreaterThan(0);
      expect(await reply.text()).not.toContain("deadbeef");
    }
    expect(await shop.deliveries()).toBe(0);
    down = false;
    expect((await shop.post("down", headers)).status).toBe(200);
    expect(await money.evm.balance(payTo)).toBe(PRICE);
  });

  test("a refusal of what an earlier try may have sent, it is 503: the chain may take it yet", async () => {
    const payTo = newAddress();
    const folder = await money.folder();
    const answers = { errorReason: "invalid_exact_evm_payload_authorization_valid_before", success: false } as const;
    const refusing: PaymentFacilitator = {
      ...money.facilitator,
      settle: async () => ({ ...answers, transaction: "", network: "eip155:84532" }),
    };
    const first = once(() => new Promise(() => undefined));
    let headers: Readonly<Record<string, string>>;
    {
      await using hasty = await openShop({ facilitator: first, payTo, folder, settleMs: 50 });
      headers = await payer.headers(hasty);
      expect((await hasty.post("sent", headers)).status).toBe(503);
    }
    {
      await using shop = await openShop({ facilitator: refusing, payTo, folder });
      expect((await shop.post("sent", headers)).status).toBe(503);
      const other = await shop.post("new", await payer.headers(shop));
      expect([other.status, await other.json()]).toMatchObject([402, { reason: "expired" }]);
    }
    await using shop = await openShop({ payTo, folder });
    expect((await shop.post("sent", headers)).status).toBe(200);
    expect(await money.evm.balance(payTo)).toBe(PRICE);
  });

  test("late, it is 503, and the next try settles", async () => {
    const payTo = newAddress();
    const facilitator = once(() => new Promise(() => undefined));
    const folder = await money.folder();
    let headers: Readonly<Record<string, string>>;
    {
      await using hasty = await openShop({ facilitator, payTo, folder, settleMs: 50 });
      const nonce = `0x${"0d".repeat(32)}` as const;
      headers = await payer.headers(hasty, { authorization: { nonce } });
      expect((await hasty.post("late", headers)).status).toBe(503);
      // The same authorization, signed once more for less, must not slip in on the first one's terms.
      const less = await payer.headers(hasty, { authorization: { nonce, value: 1 }, accepted: { amount: "1" } });
      expect((await hasty.post("late", less)).status).toBe(402);
      expect((await hasty.post("other", headers)).status).toBe(409);
      // Nor is anybody asked to pay again who forgot what was signed, or takes a second payment along.
      expect((await hasty.post("late")).status).toBe(503);
      expect((await hasty.post("late", await payer.headers(hasty))).status).toBe(503);
      expect((await hasty.post("never paid for")).status).toBe(402);
    }
    await using shop = await openShop({ payTo, folder });
    expect((await shop.post("late", headers)).status).toBe(200);
    expect(await money.evm.balance(payTo)).toBe(PRICE);
  });
});

describe("an authorization that", () => {
  test("was spent on us before the gateway heard of it pays for nothing while unbound", async () => {
    const payTo = newAddress();
    await using first = await openShop({ payTo });
    await using second = await openShop({ payTo });
    const headers = await payer.headers(first);
    expect((await first.post("here", headers)).status).toBe(200);
    const reply = await second.post("there", headers);
    expect(reply.status).toBe(402);
    expect(await reply.json()).toMatchObject({ reason: "spent" });
    expect(await second.deliveries()).toBe(0);
  });

  test("the payer cancelled first buys nothing", async () => {
    const account = privateKeyToAccount(generatePrivateKey());
    await money.evm.fundGas(account.address);
    const client = createTestClient({ mode: "anvil", account, transport: http(money.evm.url), pollingInterval: 20 })
      .extend(publicActions)
      .extend(walletActions);
    const payTo = newAddress();
    await using shop = await openShop({ payTo });
    const own = new Payer(money.evm.token);
    await money.evm.fund(own.address, PRICE);
    const nonce = `0x${"ab".repeat(32)}` as const;
    const headers = await own.headers(shop, { authorization: { nonce } });
    const cancelled = await own.cancel(nonce);
    const hash = await client.writeContract({
      chain: null,
      address: money.evm.token.asset,
      abi: tokenAbi,
      functionName: "cancelAuthorization",
      args: [own.address, nonce, cancelled],
    });
    await client.waitForTransactionReceipt({ hash });
    const reply = await shop.post("cancelled", headers);
    expect(reply.status).toBe(402);
    expect(await reply.json()).toMatchObject({ reason: "spent" });
    expect(await money.evm.balance(payTo)).toBe(0);
  });
});

describe("the sweep", () => {
  const key = { network: "eip155:84532", asset: "0x036CbD53842c5426634e7929541eC2318f3dCF7e" } as const;

  test("records what the chain settled and forgets what can never be spent", async () => {
    const payTo = newAddress();
    let now = Date.now();
    const clock = { now: () => now, sleep: async () => undefined };
    await using shop = await openShop({ payTo, clock });
    const paid = await payer.headers(shop);
    expect((await shop.post("swept", paid)).status).toBe(200);
    const [settled] = await rowsOf(shop);
    expect(settled).toMatchObject({ state: "settled" });
    // The same authorization as a gateway knows it that was killed between settling and storing.
    await shop.store.call("loseEverything", null);
    if (!settled) throw new Error("no row");
    const { state: _, transaction: __, ...row } = settled;
    await shop.store.call("claimPayment", { ...row, now });
    const ended = { ...key, from: payer.address, nonce: `0x${"01".repeat(32)}` } as const;
    const open = { ...key, from: payer.address, nonce: `0x${"02".repeat(32)}` } as const;
    const seconds = Math.floor(now / 1_000);
    const other = (body: string) => ({ signedHash: submissionOf(body).signedHash });
    await shop.store.call("claimPayment", { ...row, ...other("ended"), key: ended, validBefore: seconds - 40, now });
    await shop.store.call("claimPayment", { ...row, ...other("open"), key: open, validBefore: seconds + 600, now });
    await shop.gate.reconcile();
    expect((await rowsOf(shop)).map(({ state }) => state)).toEqual(["settling", "settling", "settling"]);
    now += 61_000;
    await shop.gate.reconcile();
    const after = await rowsOf(shop);
    expect(after.find((found) => found.key.nonce === row.key.nonce)).toMatchObject(settled);
    expect(after.find((found) => found.key.nonce === open.nonce)).toMatchObject({ state: "settling" });
    expect(after).toHaveLength(2);
  });
});

async function rowsOf(shop: Shop) {
  return await shop.store.call("payments", null);
}
