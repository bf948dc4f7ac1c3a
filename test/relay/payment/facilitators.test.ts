import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createHttpClient } from "../../../src/node/runtime/http-client.ts";
import { Secret } from "../../../src/node/runtime/secret.ts";
import { readGatewayConfig } from "../../../src/relay/gateway/gateway-config.ts";
import { type PaymentFacilitator, supportedVersions } from "../../../src/relay/gateway/payment-facilitator.ts";
import { remoteFacilitator } from "../../../src/relay/gateway/payment-remote-facilitator.ts";
import { openSettlement } from "../../../src/relay/gateway/payment-settlement.ts";
import { requirementsV1, requirementsV2 } from "../../../src/relay/gateway/payment-terms.ts";
import { BASE_USDC } from "../../../src/relay/payment/payment-tokens.ts";
import type { Hex } from "../../../src/relay/payment/payment-types.ts";
import { type Money, newAddress, openMoney } from "./money.ts";
import { Payer } from "./payer.ts";
import { ServedFacilitator } from "./served-facilitator.ts";
import { PRICE, Shop } from "./shop.ts";

let money: Money;
let served: ServedFacilitator;
beforeAll(async () => {
  money = await openMoney();
  served = await ServedFacilitator.open(money.facilitator);
});
afterAll(async () => {
  await served[Symbol.asyncDispose]();
  await money[Symbol.asyncDispose]();
});

function remote(timeoutMs?: number, auth = served.auth): PaymentFacilitator {
  const options = { url: `${served.url}/`, auth: new Secret(auth), ...(timeoutMs === undefined ? {} : { timeoutMs }) };
  return remoteFacilitator(options, createHttpClient());
}

async function openShop(facilitator: PaymentFacilitator, payTo: Hex = newAddress(), v1 = true): Promise<Shop> {
  return new Shop({ evm: money.evm, facilitator, folder: await money.folder(), payTo, v1 });
}

async function fundedPayer(): Promise<Payer> {
  const payer = new Payer(money.evm.token);
  await money.evm.fund(payer.address, PRICE);
  return payer;
}

/** Payment and requirements of the second version, as a gate hands them on. */
async function order(payer: Payer, shop: Shop, payTo: Hex) {
  const headers = await payer.headers(shop);
  const payload = JSON.parse(atob(headers["payment-signature"] ?? "")) as { readonly payload: object };
  const terms = { origin: "http://gateway.test", token: money.evm.token, payTo, price: PRICE, v1: true };
  return { payload, terms };
}

describe.each<[string, () => PaymentFacilitator]>([
  ["in this process", () => money.facilitator],
  ["behind HTTP", () => remote()],
])("a facilitator %s", (_, open) => {
  test("says what it settles", async () => {
    expect(await supportedVersions(open(), money.evm.token)).toEqual({ v1: true });
    await expect(supportedVersions(open(), BASE_USDC)).rejects.toMatchObject({ code: "FACILITATOR_UNSUITABLE" });
  });

  test("moves the price of either version, once, and names the transaction", async () => {
    const [payTo, facilitator] = [newAddress(), open()];
    await using shop = await openShop(facilitator, payTo);
    const { payload, terms } = await order(await fundedPayer(), shop, payTo);
    const answer = await facilitator.settle(payload, requirementsV2(terms));
    expect(answer).toMatchObject({ success: true, transaction: expect.stringMatching(/^0x[0-9a-f]{64}$/) });
    expect(await money.evm.balance(payTo)).toBe(PRICE);
    expect(await facilitator.settle(payload, requirementsV2(terms))).toMatchObject({ success: false });
    const first = await order(await fundedPayer(), shop, payTo);
    const v1 = { x402Version: 1, scheme: "exact", network: "base-sepolia", payload: first.payload.payload };
    const resource = { resource: "http://gateway.test/relay" };
    expect(await facilitator.settle(v1, requirementsV1(terms, resource))).toMatchObject({ success: true });
    expect(await money.evm.balance(payTo)).toBe(2 * PRICE);
  });

  test("moves nothing for less than is asked for, or of a payer who has nothing", async () => {
    const [payTo, facilitator] = [newAddress(), open()];
    await using shop = await openShop(facilitator, payTo);
    const { payload, terms } = await order(await fundedPayer(), shop, payTo);
    const dearer = requirementsV2({ ...terms, price: PRICE + 1 });
    expect(await facilitator.settle(payload, dearer)).toMatchObject({ success: false, transaction: "" });
    const poor = await order(new Payer(money.evm.token), shop, payTo);
    expect(await facilitator.settle(poor.payload, requirementsV2(terms))).toMatchObject({ success: false });
    expect(await money.evm.balance(payTo)).toBe(0);
  });

  test("settles twenty at once twenty times, and tells a poor payer in our words", async () => {
    const payTo = newAddress();
    await using shop = await openShop(open(), payTo);
    const payers = await Promise.all(Array.from({ length: 20 }, () => new Payer(money.evm.token)));
    for (const payer of payers) await money.evm.fund(payer.address, PRICE);
    const poor = await new Payer(money.evm.token).headers(shop);
    const offers = await Promise.all(payers.map((payer) => payer.headers(shop)));
    const [poorReply, ...replies] = await Promise.all([
      shop.post("poor", poor),
      ...offers.map((headers, i) => shop.post(`many ${i}`, headers)),
    ]);
    expect(replies.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(await money.evm.balance(payTo)).toBe(20 * PRICE);
    expect(poorReply.status).toBe(402);
    const said = `${await poorReply.text()}${JSON.stringify([...poorReply.headers])}`;
    expect(said).not.toMatch(/viem|revert|calldata|ERC20|e3ee160e|cf092995/i);
  });
});

describe("a facilitator behind HTTP that", () => {
  const MISHAPS: readonly (readonly [string, () => Response | Promise<Response>])[] = [
    ["says 500 after it settled", () => new Response("boom 0xdeadbeef", { status: 500 })],
    ["answers with a page", () => new Response("<html>0xdeadbeef</html>")],
    ["redirects", () => new Response(null, { status: 307, headers: { location: "http://192.0.2.1/0xdeadbeef" } })],
    ["answers without end", () => new Response("0xdeadbeef".repeat(100_000))],
    ["claims success without a transaction", () => Response.json({ success: true, transaction: "", network: "" })],
    [
      "lies that it refused",
      () =>
        Response.json(
          { success: false, errorReason: "insufficient_funds", errorMessage: "0xdeadbeef" },
          { status: 400 },
        ),
    ],
  ];

  test.each(MISHAPS)("%s: the chain decides, and the payer pays once", async (_, mishap) => {
    const payTo = newAddress();
    await using shop = await openShop(remote(), payTo);
    const headers = await (await fundedPayer()).headers(shop);
    served.mishap = mishap;
    const reply = await shop.post("once", headers);
    expect([reply.status, await reply.text()]).toEqual([200, expect.not.stringContaining("deadbeef")]);
    expect((await shop.post("once", headers)).status).toBe(200);
    expect(await money.evm.balance(payTo)).toBe(PRICE);
    expect(await shop.deliveries()).toBe(1);
  });

  test("is silent is given up after its time, and the payment is found on the chain", async () => {
    const payTo = newAddress();
    await using shop = await openShop(remote(1_000), payTo);
    const headers = await (await fundedPayer()).headers(shop);
    const { promise: never } = Promise.withResolvers<Response>();
    served.mishap = () => never;
    expect((await shop.post("silent", headers)).status).toBe(200);
    expect(await money.evm.balance(payTo)).toBe(PRICE);
  });

  test("is down is no 402 for who has paid, and nobody's money moves", async () => {
    const payTo = newAddress();
    const gone = remoteFacilitator({ url: "http://127.0.0.1:9" }, createHttpClient());
    await using shop = await openShop(gone, payTo);
    const reply = await shop.post("down", await (await fundedPayer()).headers(shop));
    expect(reply.status).toBe(503);
    expect(await money.evm.balance(payTo)).toBe(0);
    await expect(gone.getSupported()).rejects.toMatchObject({ code: "FACILITATOR_UNREACHABLE" });
  });

  test("settles the second version alone is offered that alone", async () => {
    await using shop = await openShop(remote(), newAddress(), false);
    const asked = (await (await shop.post("v2 alone")).json()) as { readonly accepts: readonly unknown[] };
    expect(asked.accepts).toEqual([]);
    expect((await shop.post("v2 alone", await (await fundedPayer()).headers(shop))).status).toBe(200);
  });
});

describe("a seller is checked at its start", () => {
  const config = (more: Readonly<Record<string, string>>) =>
    readGatewayConfig(
      {
        ENGRAM_CHAIN: "local",
        ENGRAM_GATEWAY_PRICE_USD: "0.001",
        ENGRAM_GATEWAY_PAY_TO: newAddress(),
        ENGRAM_PAYMENT_RPC_URL: money.evm.url,
        ...more,
      },
      "unused",
    ).pricing;
  const open = async (more: Readonly<Record<string, string>>) => {
    const pricing = config(more);
    if (pricing === null) throw new Error("no price");
    return await openSettlement(join(await money.folder(), "gateway"), pricing);
  };
  const facilitator = () => ({ ENGRAM_FACILITATOR_URL: served.url, ENGRAM_FACILITATOR_AUTH: served.auth });

  test("and opens with either facilitator", async () => {
    expect(await open({})).toMatchObject({ v1: true });
    expect(await open(facilitator())).toMatchObject({ v1: true });
    served.kinds = [{ x402Version: 2, scheme: "exact", network: "eip155:84532" }];
    expect(await open(facilitator())).toMatchObject({ v1: false });
    served.kinds = undefined;
  });

  test("against a facilitator that refuses us, or settles elsewhere", async () => {
    const stranger = { ...facilitator(), ENGRAM_FACILITATOR_AUTH: "Bearer wrong" };
    await expect(open(stranger)).rejects.toMatchObject({ code: "FACILITATOR_UNINTELLIGIBLE" });
    served.kinds = [{ x402Version: 1, scheme: "exact", network: "base-sepolia" }];
    await expect(open(facilitator())).rejects.toMatchObject({ code: "FACILITATOR_UNSUITABLE" });
    served.kinds = undefined;
  });

  test("against an RPC of another chain, or with another token at the address", async () => {
    const real = { ENGRAM_GATEWAY_NETWORK: "eip155:8453", ENGRAM_PAYMENT_MAINNET: "true" };
    await expect(open(real)).rejects.toMatchObject({ code: "PAYMENT_CHAIN_WRONG" });
    const pricing = config({});
    if (pricing === null) throw new Error("no price");
    const folder = await money.folder();
    const renamed = { ...pricing.token, domain: { name: "USD Coin", version: "2" } };
    for (const token of [renamed, { ...pricing.token, asset: newAddress() }]) {
      await expect(openSettlement(folder, { ...pricing, token })).rejects.toMatchObject({
        code: "PAYMENT_TOKEN_WRONG",
      });
    }
    await expect(open({ ENGRAM_PAYMENT_RPC_URL: "http://127.0.0.1:9" })).rejects.toMatchObject({
      code: "PAYMENT_CHAIN_UNREACHABLE",
    });
  });

  test("and takes no real dollars that nobody switched on, nor shows the facilitator's secret", () => {
    expect(() => config({ ENGRAM_GATEWAY_NETWORK: "eip155:8453" })).toThrow(
      expect.objectContaining({ code: "CONFIG_INVALID" }),
    );
    expect(JSON.stringify(config(facilitator()))).not.toContain("of-the-test");
  });
});
