import { createWalletClient, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ReleaseStack } from "../../../src/node/runtime/release-stack.ts";
import { tokenAbi } from "../../../src/relay/evm/token-abi.ts";
import type { PaymentFacilitator } from "../../../src/relay/gateway/payment-facilitator.ts";
import { BASE_USDC } from "../../../src/relay/payment/payment-tokens.ts";
import type { Hex } from "../../../src/relay/payment/payment-types.ts";
import { type Money, newAddress, openMoney } from "./money.ts";
import { cancellation } from "./payer.ts";
import {
  CLIENTS,
  openClient,
  type Paid,
  type PayingClient,
  type Send,
  type Tamper,
  tampered,
} from "./paying-clients.ts";
import { ORIGIN, PRICE, Shop, type ShopOptions } from "./shop.ts";

/** The table of failures of x402, each row with each client: stock ones of both versions, Dexter's, and ours. */
const FUNDS = 10 * PRICE;
const OTHER = newAddress();
const PAYEE = newAddress();

let money: Money;
const opened = new ReleaseStack();
beforeAll(async () => {
  money = opened.use(await openMoney());
});
afterAll(() => opened[Symbol.asyncDispose]());

/** One shop for every way a shop can be, and one client for every way a client can be: nothing moves between them. */
const shops = new Map<string, Promise<Shop>>();
const clients = new Map<string, Promise<PayingClient & AsyncDisposable>>();

interface Row {
  readonly funds?: number;
  readonly tamper?: Tamper;
  readonly shop?: Partial<ShopOptions>;
  readonly clockAhead?: number;
  /** What the gateway says; a client may also refuse by itself and send nothing. */
  readonly status: number | "client";
  /** For clients for which the row is another one, or none. */
  readonly but?: { readonly [name in PayingClient["name"]]?: Row["status"] | "none" };
}

const amount = (value: number) => ({ asked: (terms: Record<string, unknown>) => withAmount(terms, value) });
const withAmount = (terms: Record<string, unknown>, value: number) =>
  "amount" in terms ? { ...terms, amount: `${value}` } : { ...terms, maxAmountRequired: `${value}` };
const shifted = (ms: number) => ({ clock: { now: () => Date.now() + ms, sleep: async () => undefined } });
const accepted = (payment: Record<string, unknown>, change: object) =>
  "accepted" in payment ? { ...payment, accepted: { ...(payment["accepted"] as object), ...change } } : payment;

const down: PaymentFacilitator["settle"] = () => Promise.reject(new Error("fetch failed 0xdeadbeef"));
const refusing: PaymentFacilitator["settle"] = async () => ({
  ...{ success: false, transaction: "", network: "eip155:84532" as const },
  errorReason: "invalid_exact_evm_transaction_simulation_failed",
  errorMessage: "calldata 0xdeadbeef",
});

/** Rows in which no money moves and nothing is delivered. */
const NOTHING_MOVES: readonly (readonly [string, Row])[] = [
  ["insufficient balance", { funds: 0, status: 402, but: { "@dexterai/x402": "client" } }],
  // Ours is bound: what a chain might have settled is looked for there, which is why its own clock must be wrong.
  ["expired", { shop: shifted(600_000), clockAhead: -600_000, status: 402 }],
  // The others sign no beginning; refusals.test.ts does it by hand.
  [
    "not yet valid",
    {
      shop: shifted(-1_200_000),
      status: 402,
      but: { "@x402/fetch": "none", "@dexterai/x402": "none", ours: "none" },
    },
  ],
  ["wrong payTo", { tamper: { asked: (terms) => ({ ...terms, payTo: OTHER }) }, status: 402, but: { ours: 400 } }],
  [
    "wrong chain in the signature",
    {
      tamper: {
        asked: (terms, version) => ({
          ...terms,
          asset: BASE_USDC.asset,
          extra: { name: "USD Coin", version: `${version}` },
        }),
        paid: (payment) => accepted(payment, { asset: money.evm.token.asset, extra: money.evm.token.domain }),
      },
      status: 402,
      // A client that knows its tokens sends nothing.
      but: { "@x402/fetch": "client", "@dexterai/x402": "client", ours: "client" },
    },
  ],
  [
    "wrong network",
    {
      tamper: {
        paid: (payment) =>
          "network" in payment ? { ...payment, network: "base" } : accepted(payment, { network: "eip155:8453" }),
      },
      status: 402,
    },
  ],
  ["amount too low", { tamper: amount(PRICE - 1), status: 402 }],
  ["amount too high", { tamper: amount(PRICE + 500), status: 402 }],
  [
    "tampered accepted.amount",
    {
      tamper: { paid: (payment) => accepted(payment, { amount: "1" }) },
      status: 402,
      // The first version repeats no terms.
      but: { "x402-fetch": "none" },
    },
  ],
  ["settling refused", { shop: { facilitator: { ...supporting(), settle: refusing } }, status: 402 }],
  ["facilitator down", { shop: { facilitator: { ...supporting(), settle: down } }, status: 503 }],
];

function supporting(): Pick<PaymentFacilitator, "getSupported"> {
  return { getSupported: () => money.facilitator.getSupported() };
}

async function openShop(payTo: Hex, options: Partial<ShopOptions> = {}): Promise<Shop> {
  return new Shop({ evm: money.evm, facilitator: money.facilitator, folder: await money.folder(), payTo, ...options });
}

function shopOf(row: string, options: Partial<ShopOptions> = {}): Promise<Shop> {
  const key = Object.keys(options).length === 0 ? "" : row;
  const shop = shops.get(key) ?? openShop(PAYEE, options).then((made) => opened.use(made));
  shops.set(key, shop);
  return shop;
}

function clientOf(name: PayingClient["name"], { funds = FUNDS, clockAhead = 0 }: Row) {
  const key = `${name} ${funds} ${clockAhead}`;
  const client = clients.get(key) ?? openClient(name, money, funds, clockAhead).then((made) => opened.use(made));
  clients.set(key, client);
  return client;
}

/** Pays through `client`; how the paid request was answered, or "client" when the client itself would not pay. */
async function outcome(client: PayingClient, shop: Shop, body: string, tamper: Tamper = {}) {
  const sent: Paid[] = [];
  const said: string[] = [];
  const heard: Send = async (url, init) => {
    const reply = await shop.fetch(url, init);
    said.push(`${JSON.stringify([...reply.headers])}${await reply.clone().text()}`);
    return reply;
  };
  await client
    .pay(tampered(heard, tamper, sent))(`${ORIGIN}/relay`, { method: "POST", body })
    .catch(() => undefined);
  return { status: sent[0]?.status ?? "client", sent, said: said.join() };
}

describe.each(CLIENTS)("with %s", (name) => {
  test.each(NOTHING_MOVES.filter(([, { but }]) => but?.[name] !== "none"))(
    "%s: nothing moves, no work is done",
    async (title, row) => {
      const [shop, client] = await Promise.all([shopOf(title, row.shop), clientOf(name, row)]);
      const { status, said } = await outcome(client, shop, `${title} with ${name}`, row.tamper);
      expect(status).toBe(row.but?.[name] ?? row.status);
      expect(await money.evm.balance(PAYEE)).toBe(0);
      expect(await money.evm.balance(OTHER)).toBe(0);
      expect(await money.evm.balance(client.address)).toBe(row.funds ?? FUNDS);
      expect(await shop.deliveries()).toBe(0);
      expect(said).not.toMatch(/deadbeef|calldata|revert|viem/i);
    },
  );

  test("a payment is taken once: replayed, copied at once, or for another body", async () => {
    const payTo = newAddress();
    await using shop = await openShop(payTo);
    await using client = await openClient(name, money, FUNDS);
    const { status, sent } = await outcome(client, shop, "an output");
    expect(status).toBe(200);
    const [paid] = sent;
    const again = (body: string) => shop.fetch(`${ORIGIN}/relay`, { ...paid?.request, body });
    expect((await again("an output")).status).toBe(200);
    expect([400, 409]).toContain((await again("another output")).status);
    expect(await money.evm.balance(payTo)).toBe(PRICE);
    expect(await shop.deliveries()).toBe(1);

    await using other = await openShop(payTo);
    await using fresh = await openClient(name, money, FUNDS);
    const twice: Send = async (url, init) => {
      const [one, two] = await Promise.all([other.fetch(url, init), other.fetch(url, init)]);
      expect(one.status).toBe(two.status);
      return one;
    };
    const reply = await fresh.pay(twice)(`${ORIGIN}/relay`, { method: "POST", body: "an output" });
    expect(reply.status).toBe(200);
    expect(await money.evm.balance(payTo)).toBe(2 * PRICE);
    expect(await money.evm.balance(fresh.address)).toBe(FUNDS - PRICE);
    expect(await other.deliveries()).toBe(1);
  });

  test("settled on the chain while the answer was lost: the client hears of its success", async () => {
    const payTo = newAddress();
    const lost: PaymentFacilitator["settle"] = async (...order) => {
      await money.facilitator.settle(...order);
      throw new Error("socket hang up");
    };
    await using shop = await openShop(payTo, { facilitator: { ...supporting(), settle: lost } });
    await using client = await openClient(name, money, FUNDS);
    expect((await outcome(client, shop, "an output")).status).toBe(200);
    expect(await money.evm.balance(payTo)).toBe(PRICE);
    expect(await money.evm.balance(client.address)).toBe(FUNDS - PRICE);
    expect(await shop.deliveries()).toBe(1);
  });

  test("cancelled by the payer first: nothing is stored and nothing paid", async () => {
    await using client = await openClient(name, money, FUNDS);
    const payTo = newAddress();
    await using shop = await openShop(payTo);
    const { key } = client;
    const cancelling: Send = async (url, init) => {
      const nonce = nonceOf(new Headers(init.headers));
      if (nonce !== undefined) await cancel(key, nonce);
      return shop.fetch(url, init);
    };
    const reply = await client
      .pay(cancelling)(`${ORIGIN}/relay`, { method: "POST", body: "cancelled" })
      .catch(() => undefined);
    expect(reply?.status ?? 402).toBe(402);
    expect(await money.evm.balance(payTo)).toBe(0);
    expect(await money.evm.balance(client.address)).toBe(FUNDS);
    expect(await shop.deliveries()).toBe(0);
  });
});

function nonceOf(headers: Headers): Hex | undefined {
  const header = headers.get("payment-signature") ?? headers.get("x-payment");
  if (header === null) return undefined;
  const { payload } = JSON.parse(atob(header)) as {
    readonly payload: { readonly authorization: { readonly nonce: Hex } };
  };
  return payload.authorization.nonce;
}

async function cancel(key: Hex, nonce: Hex): Promise<void> {
  const account = privateKeyToAccount(key);
  await money.evm.fundGas(account.address);
  const wallet = createWalletClient({ account, transport: http(money.evm.url) });
  const signature = await cancellation(account, money.evm.token, nonce);
  await wallet.writeContract({
    chain: null,
    address: money.evm.token.asset,
    abi: tokenAbi,
    functionName: "cancelAuthorization",
    args: [account.address, nonce, signature],
  });
}
