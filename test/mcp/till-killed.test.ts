import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { callPaying } from "../../src/mcp/dexter/pay-call.ts";
import { openTill } from "../../src/mcp/payments/open-till.ts";
import { readPriceList } from "../../src/mcp/payments/price-list.ts";
import { gasKeyPath } from "../../src/relay/gateway/payment-settlement.ts";
import type { PaymentBuyer } from "../../src/relay/payment/payment-buyer.ts";
import { openPaymentKey } from "../../src/relay/payment/payment-key.ts";
import { openRelayBooks } from "../../src/relay/relay-books.ts";
import { type Money, newAddress, openMoney } from "../relay/payment/money.ts";
import { serveForTest } from "../support/mcp-server.ts";
import type { DyingTillOptions } from "./dying-till.ts";
import { inference, RelayBench } from "./relay-bench.ts";

const PRICE = 10_000;
const FUNDS = 1_000_000;
/** Where clients reach the server, before and after: bound payments sign it. */
const ORIGIN = "http://127.0.0.1:9";
const script = fileURLToPath(new URL("./dying-till.ts", import.meta.url));

let money: Money;
let bench: RelayBench;
beforeAll(async () => {
  [money, bench] = await Promise.all([openMoney(), RelayBench.open()]);
}, 60_000);
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
  await money[Symbol.asyncDispose]();
});

/** Calls and pays as somebody without a token; `paid` is null when the connection died. */
async function buy(url: string, payer: PaymentBuyer, name: string, args: object) {
  const client = new Client({ name: "payer", version: "0" }, { versionNegotiation: { mode: "auto" } });
  await client.connect(new StreamableHTTPClientTransport(new URL("/mcp", url)));
  try {
    const { reply } = await callPaying(
      async (meta) => {
        const {
          isError = false,
          content,
          structuredContent,
          _meta,
        } = await client.callTool({
          ...{ name, arguments: { ...args }, _meta: { ...meta } },
        });
        return { isError: isError === true, content, structuredContent, meta: { ..._meta } };
      },
      { tool: name, args, request: "one", url: `${ORIGIN}/mcp`, payer, most: 50_000 },
    );
    return reply;
  } finally {
    await client.close().catch(() => undefined);
  }
}

test("money has moved and the server is killed before it wrote that a call is owed: the same payment buys it, once", async () => {
  const [folder, home, payTo] = [await money.folder(), await bench.home(), newAddress()];
  await money.evm.fundGas((await openPaymentKey(gasKeyPath(folder))).address);
  await using buyer = await money.buyer();
  const prices = {
    ENGRAM_MCP_PRICES: "engram_relay_submit=0.01",
    ENGRAM_MCP_PAY_TO: payTo,
    ENGRAM_PAYMENT_RPC_URL: money.evm.url,
    ENGRAM_MCP_URL: ORIGIN,
  };
  const { environment } = bench;
  const options: DyingTillOptions = { folder, home, chainFolder: bench.kit.folder, environment, prices };
  const child = spawn(process.execPath, [script, JSON.stringify(options)], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const [url] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  const args = { ...inference, completion: "paid for and nearly forgotten" };
  await expect(buy(url, buyer, "engram_relay_submit", args)).rejects.toThrow();
  expect(await exited).toEqual([null, "SIGKILL"]);
  expect(await money.evm.balance(payTo)).toBe(PRICE);
  await using before = await openRelayBooks(home, environment, Date.now);
  expect((await before?.latest(10)) ?? []).toEqual([]);

  const list = readPriceList(prices);
  if (!list) throw new Error("no prices");
  await using server = await serveForTest({
    ...{ prices: list, consent: { relay: "allow" }, relaying: bench.relaying(home) },
    openTill: (priceList, listening) => openTill(folder, priceList, listening, "silent"),
  });
  const reply = await buy(server.url, buyer, "engram_relay_submit", args);
  expect(reply).toMatchObject({ isError: false, meta: { "engram/payment": { state: "settled", bound: true } } });
  const again = await buy(server.url, buyer, "engram_relay_submit", args);
  expect(again.structuredContent).toEqual(reply.structuredContent);
  expect(await money.evm.balance(payTo)).toBe(PRICE);
  expect(await money.evm.balance(buyer.address)).toBe(FUNDS - PRICE);
  await using books = await openRelayBooks(home, environment, Date.now);
  await vi.waitFor(
    async () => expect(await books?.latest(10)).toMatchObject([{ state: "delivered", payer: buyer.address }]),
    { timeout: 20_000, interval: 50 },
  );
  // It bought this call and no other.
  await expect(
    buy(server.url, buyer, "engram_relay_submit", { ...args, completion: "another" }),
  ).resolves.toMatchObject({
    isError: false,
  });
  expect(await money.evm.balance(payTo)).toBe(2 * PRICE);
}, 120_000);
