import { ExactEvmScheme } from "@x402/evm/exact/client";
import { wrapFetchWithPayment as wrapSecond, x402Client } from "@x402/fetch";
import { createWalletClient, defineChain, http, publicActions } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { wrapFetchWithPayment as wrapFirst } from "x402-fetch";
import { type Money, newAddress, openMoney } from "./money.ts";
import { PRICE, serveShop } from "./shop.ts";

let money: Money;
beforeAll(async () => {
  money = await openMoney();
});
afterAll(() => money[Symbol.asyncDispose]());

const post = (body: string) => ({ method: "POST", body, headers: { "content-type": "text/plain" } });

test("a stock client of each version pays over HTTP, exactly the price", async () => {
  const payTo = newAddress();
  const { evm, facilitator } = money;
  await using served = await serveShop({ evm, facilitator, folder: await money.folder(), payTo });
  const account = privateKeyToAccount(generatePrivateKey());
  await evm.fund(account.address, 1_000_000);

  const second = wrapSecond(fetch, new x402Client().register("eip155:84532", new ExactEvmScheme(account)));
  const reply = await second(`${served.url}/relay`, post("from the second version"));
  expect(reply.status).toBe(200);
  expect(await reply.json()).toMatchObject({ payment: { payer: account.address, bound: false } });
  expect(reply.headers.get("payment-response")).not.toBeNull();
  expect(await evm.balance(payTo)).toBe(PRICE);

  // The first version's own way to make a wallet goes to public nodes; this one stays here. It knows chains by name.
  const chain = defineChain({
    id: 84_532,
    name: "Base Sepolia",
    nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
    rpcUrls: { default: { http: [evm.url] } },
  });
  const wallet = createWalletClient({ account, chain, transport: http(evm.url) }).extend(publicActions);
  const first = wrapFirst(fetch, wallet as unknown as Parameters<typeof wrapFirst>[1], BigInt(10 * PRICE));
  const other = await first(`${served.url}/relay`, post("from the first version"));
  expect(other.status).toBe(200);
  expect(await other.json()).toMatchObject({ payment: { payer: account.address, bound: false } });
  expect(other.headers.get("x-payment-response")).not.toBeNull();
  expect(await evm.balance(payTo)).toBe(2 * PRICE);
  expect(await served.shop.deliveries()).toBe(2);
});
