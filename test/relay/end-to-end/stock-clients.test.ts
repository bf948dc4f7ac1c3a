import { join } from "node:path";
import { ExactEvmScheme } from "@x402/evm/exact/client";
import { wrapFetchWithPayment as wrapSecond, x402Client } from "@x402/fetch";
import { createWalletClient, defineChain, http, publicActions } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { wrapFetchWithPayment as wrapFirst } from "x402-fetch";
import { gasKeyPath } from "../../../src/relay/gateway/payment-settlement.ts";
import type { RunningGateway } from "../../../src/relay/gateway/start-gateway.ts";
import { openPaymentKey } from "../../../src/relay/payment/payment-key.ts";
import { verifyReceipt } from "../../../src/relay/receipt.ts";
import { GatewayKit, get, type ReplyBody } from "../gateway/gateway-kit.ts";
import { type Money, newAddress, openMoney } from "../payment/money.ts";

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

type Fetch = (input: string, init: RequestInit) => Promise<Response>;

/** A stock client of each version of the protocol, with an account of its own. */
async function stockClient(version: 1 | 2): Promise<{ readonly payer: string; readonly fetch: Fetch }> {
  const account = privateKeyToAccount(generatePrivateKey());
  await money.evm.fund(account.address, FUNDS);
  if (version === 2) {
    const client = new x402Client().register("eip155:84532", new ExactEvmScheme(account));
    return { payer: account.address, fetch: wrapSecond(fetch, client) as Fetch };
  }
  const { url } = money.evm;
  // It knows chains by name; its own way to make a wallet goes to public nodes.
  const chain = defineChain({
    id: 84_532,
    name: "Base Sepolia",
    nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
    rpcUrls: { default: { http: [url] } },
  });
  const wallet = createWalletClient({ account, chain, transport: http(url) }).extend(publicActions);
  const wrapped = wrapFirst(fetch, wallet as unknown as Parameters<typeof wrapFirst>[1], BigInt(10 * PRICE));
  return { payer: account.address, fetch: wrapped as Fetch };
}

test.each([
  [1, "author"],
  [1, "payer"],
  [2, "author"],
  [2, "payer"],
] as const)(
  "a stock client of version %i pays the gateway for an output of assurance %s, exactly the price",
  async (version, assurance) => {
    const before = await money.evm.balance(payTo);
    const { payer, fetch: pay } = await stockClient(version);
    const said = `version ${version} says so`;
    const body = assurance === "author" ? (await kit.inference({}, said)).text : await kit.plain(said);
    const request = { method: "POST", body, headers: { "content-type": "application/json" } };
    const unpaid = await fetch(`${gateway.url}/relay`, request);
    expect(unpaid.status).toBe(402);
    const reply = await pay(`${gateway.url}/relay`, request);
    expect(reply.status).toBe(201);
    expect(reply.headers.get(version === 1 ? "x-payment-response" : "payment-response")).not.toBeNull();
    const answer = (await reply.json()) as ReplyBody;
    const receipt = await verifyReceipt(answer.receipt, gateway.hotkey, answer.signed_hash ?? "");
    expect(receipt).toMatchObject({ assurance, payment: { payer, amount: `${PRICE}`, bound: false } });
    expect(await money.evm.balance(payTo)).toBe(before + PRICE);
    expect(await money.evm.balance(payer as `0x${string}`)).toBe(FUNDS - PRICE);

    // Who asks again has it already: nothing is asked for a second time.
    const again = await pay(`${gateway.url}/relay`, request);
    expect(await again.json()).toMatchObject({ status: "duplicate", receipt });
    expect(await money.evm.balance(payTo)).toBe(before + PRICE);
    expect(await get(gateway, `/relay/${answer.signed_hash}`)).toMatchObject({ status: "accepted" });
  },
);
