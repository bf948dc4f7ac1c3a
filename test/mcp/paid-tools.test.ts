import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { callPaying, type ToolReply } from "../../src/mcp/dexter/pay-call.ts";
import { openTill } from "../../src/mcp/payments/open-till.ts";
import { readPriceList } from "../../src/mcp/payments/price-list.ts";
import type { OpenRelaying } from "../../src/mcp/relaying.ts";
import { addToken, readTokens } from "../../src/mcp/tokens.ts";
import type { McpHttpServer } from "../../src/mcp/transports/http.ts";
import { gasKeyPath } from "../../src/relay/gateway/payment-settlement.ts";
import type { PaymentBuyer } from "../../src/relay/payment/payment-buyer.ts";
import { openPaymentKey } from "../../src/relay/payment/payment-key.ts";
import type { Hex } from "../../src/relay/payment/payment-types.ts";
import { get } from "../relay/gateway/gateway-kit.ts";
import { type Money, newAddress, openMoney } from "../relay/payment/money.ts";
import { openClient as openPayingClient, type PayingClient } from "../relay/payment/paying-clients.ts";
import { connect } from "../support/mcp-clients.ts";
import { serveForTest } from "../support/mcp-server.ts";
import { inference, RelayBench } from "./relay-bench.ts";

const PRICE = 10_000;
const FUNDS = 1_000_000;

let money: Money;
let bench: RelayBench;
let folder: string;
let token: string;
beforeAll(async () => {
  [money, bench] = await Promise.all([openMoney(), RelayBench.open()]);
  folder = await money.folder();
  await money.evm.fundGas((await openPaymentKey(gasKeyPath(folder))).address);
  token = (await addToken(folder, "ana", new Date())).reveal();
}, 60_000);
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
  await money[Symbol.asyncDispose]();
});

interface Serving {
  readonly payTo: Hex;
  readonly encoding?: "result" | "error";
  readonly relaying?: OpenRelaying;
  readonly consent?: { readonly relay: "allow" | "deny" };
}

async function serve({
  payTo,
  encoding = "result",
  relaying,
  consent = { relay: "allow" },
}: Serving): Promise<McpHttpServer> {
  const prices = readPriceList({
    ENGRAM_MCP_PRICES: "engram_relay_submit=0.01, engram_query=0.01",
    ENGRAM_MCP_PAY_TO: payTo,
    ENGRAM_PAYMENT_RPC_URL: money.evm.url,
    ENGRAM_MCP_PAYMENT_REQUIRED: encoding,
  });
  if (!prices) throw new Error("no prices");
  return await serveForTest({
    ...{ prices, consent, tokens: await readTokens(folder) },
    relaying: relaying ?? bench.relaying(await bench.home()),
    openTill: (list, listening) => openTill(folder, list, listening, "silent"),
  });
}

/** Calls over a real session, as somebody without a token unless told otherwise. */
async function caller(server: McpHttpServer, bearer?: string) {
  const client = new Client({ name: "payer", version: "0" }, { versionNegotiation: { mode: "auto" } });
  const headers = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
  await client.connect(new StreamableHTTPClientTransport(new URL("/mcp", server.url), { requestInit: { headers } }));
  const call = async (
    name: string,
    args: object,
    meta: object = {},
  ): Promise<ToolReply & { readonly data: Record<string, unknown> }> => {
    const result = await client.callTool({ name, arguments: { ...args }, _meta: { ...meta } });
    const { isError = false, content, structuredContent, _meta } = result;
    const [first] = content as { readonly text?: string }[];
    const data = JSON.parse(first?.text ?? "{}") as Record<string, unknown>;
    return { isError: isError === true, content, structuredContent, meta: { ..._meta }, data };
  };
  const pay = (payer: PaymentBuyer, name: string, args: object, request = "one") =>
    callPaying((meta) => call(name, args, meta), {
      tool: name,
      args,
      request,
      url: `${server.url}/mcp`,
      payer,
      most: 50_000,
    });
  return { client, call, pay, [Symbol.asyncDispose]: () => client.close() };
}

/** The stock client signs over HTTP: what it would send there is carried here. */
async function paidByHttp(stock: PayingClient, terms: unknown): Promise<string> {
  let header: string | null = null;
  const pay = stock.pay(async (_, init) => {
    header = new Headers(init.headers as Headers).get("x-payment");
    return Response.json(header === null ? terms : {}, { status: header === null ? 402 : 200 });
  });
  await pay("http://mcp.test/", { method: "POST", body: "" });
  return header ?? "";
}

const said = (completion: string) => ({ ...inference, completion });

async function delivered(session: Awaited<ReturnType<typeof caller>>, job: unknown) {
  return await vi.waitFor(
    async () => {
      const { data } = await session.call("engram_relay_status", { job });
      expect(data).toMatchObject({ state: "delivered" });
      return data;
    },
    { timeout: 20_000, interval: 50 },
  );
}

describe.each(["result", "error"] as const)("asked by %s", (encoding) => {
  test("a stranger pays once for one submission, and the payload names who paid", async () => {
    const payTo = newAddress();
    await using server = await serve({ payTo, encoding });
    await using buyer = await money.buyer();
    await using session = await caller(server);
    const args = said(`paid for, asked by ${encoding}`);
    const { reply, paid } = await session.pay(buyer, "engram_relay_submit", args);
    expect([reply.isError, paid]).toEqual([false, PRICE]);
    const { job } = reply.structuredContent as { readonly job: string };
    expect(reply.meta).toMatchObject({
      "x402/payment-response": { success: true, payer: buyer.address, transaction: expect.stringMatching(/^0x/) },
      "engram/payment": { state: "settled", bound: true },
    });
    expect(await money.evm.balance(payTo)).toBe(PRICE);
    expect(await money.evm.balance(buyer.address)).toBe(FUNDS - PRICE);
    // The same again, also over another connection, is the same answer for the same money.
    await using other = await caller(server);
    const again = await other.pay(buyer, "engram_relay_submit", args);
    expect(again.reply.structuredContent).toEqual(reply.structuredContent);
    expect(await money.evm.balance(payTo)).toBe(PRICE);
    const status = await delivered(session, job);
    const kept = await get<{ readonly submission: string }>(bench.gateway, `/relay/${status["signed_hash"]}`);
    expect(JSON.parse(kept.submission)).toMatchObject({ payer_binding: { payer: buyer.address.toLowerCase() } });
    expect((await buyer.ledger())[0]).toMatchObject({ state: "settled", amount: PRICE });
  }, 60_000);
});

describe("who only pays", () => {
  test("gets public tools alone, with their prices, and nothing of anybody's memories", async () => {
    await using server = await serve({ payTo: newAddress() });
    await using session = await caller(server);
    const { tools } = await session.client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(["engram_query", "engram_relay_submit", "engram_relay_status"]);
    expect(tools[0]).toMatchObject({
      description: expect.stringContaining("Costs $0.01 a call"),
      _meta: { "engram/price": { micro_usd: PRICE } },
    });
    expect(session.client.getServerCapabilities()).not.toHaveProperty("resources");
    for (const [name, args] of [
      ["engram_query", { query: "secrets" }],
      ["engram_relay_submit", { type: "memory", ids: ["m_aaaaaaaaaaaaaaaa"] }],
      ["engram_relay_status", {}],
    ] as const) {
      const reply = await session.call(name, args);
      expect(reply.data, name).toMatchObject({ code: "PUBLIC_ONLY" });
    }
    await expect(session.call("engram_get", { ids: ["m_aaaaaaaaaaaaaaaa"] })).rejects.toThrow();
    await expect(caller(server, "engram_not-a-token")).rejects.toThrow();
  });

  test("a principal pays, too, and has all tools", async () => {
    const payTo = newAddress();
    await using server = await serve({ payTo });
    await using session = await caller(server, token);
    expect((await session.client.listTools()).tools.length).toBeGreaterThan(10);
    expect((await session.call("engram_store", { text: "a fact" })).isError).toBe(false);
    expect((await session.call("engram_query", { query: "a fact" })).structuredContent).toMatchObject({
      x402Version: 2,
    });
    await using buyer = await money.buyer();
    const { reply } = await session.pay(buyer, "engram_query", { query: "a fact" });
    expect(reply.structuredContent).toMatchObject({ hits: [{ text: "a fact" }] });
    expect(await money.evm.balance(payTo)).toBe(PRICE);
    // The same words as another purchase are bought again.
    await session.pay(buyer, "engram_query", { query: "a fact" }, "two");
    expect(await money.evm.balance(payTo)).toBe(2 * PRICE);
  });

  test("a 1.x client sees a sensible error in either encoding, and nothing is done", async () => {
    for (const encoding of ["result", "error"] as const) {
      await using server = await serve({ payTo: newAddress(), encoding });
      await using session = await connect({ url: server.url }, "1.x");
      await session.client.listTools();
      const asked = await session.call("engram_query", { query: "x", scope: "public" }).catch((error: Error) => error);
      if (encoding === "error")
        expect(asked).toMatchObject({ code: 402, message: expect.stringContaining("Payment required") });
      else
        expect(asked).toMatchObject({
          isError: true,
          data: { x402Version: 2, error: expect.stringContaining("paid for") },
        });
    }
  });

  test("a client of the first version pays by its own kind of payment, as an object or in base64", async () => {
    const payTo = newAddress();
    await using server = await serve({ payTo, encoding: "error" });
    await using session = await caller(server);
    await using stock = await openPayingClient("x402-fetch", money, FUNDS);
    for (const form of ["object", "base64"] as const) {
      const args = said(`version one, ${form}`);
      const terms = await session
        .call("engram_relay_submit", args)
        .catch((error: { readonly data: unknown }) => error.data);
      const header = await paidByHttp(stock, terms);
      const payment = form === "base64" ? header : (JSON.parse(atob(header)) as object);
      const reply = await session.call("engram_relay_submit", args, { "x402/payment": payment });
      expect(reply.data).toMatchObject({ job: expect.any(String) });
      expect(reply.meta).toMatchObject({ "engram/payment": { state: "settled", bound: false } });
      const lifted = await session.call("engram_relay_submit", said("something else"), { "x402/payment": payment });
      expect(lifted.data).toMatchObject({ code: "PAYMENT_SPENT", payment: { state: "not_charged" } });
    }
    expect(await money.evm.balance(payTo)).toBe(2 * PRICE);
  });
});

describe("nobody pays", () => {
  test("for a refusal, for what is queued already, or for a payment that is none", async () => {
    const payTo = newAddress();
    await using server = await serve({ payTo });
    await using buyer = await money.buyer();
    await using session = await caller(server);
    const secret = said("the key is sk-ant-api03-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789AbCdEfGh");
    const refused = await session.pay(buyer, "engram_relay_submit", secret);
    expect(JSON.parse((refused.reply.content as { readonly text: string }[])[0]?.text ?? "")).toMatchObject({
      code: "SECRET_FOUND",
      payment: { state: "not_charged" },
    });
    const args = said("queued by two payers");
    await session.pay(buyer, "engram_relay_submit", args);
    await using second = await money.buyer();
    const known = await session.pay(second, "engram_relay_submit", args);
    expect(known.reply.structuredContent).toMatchObject({ created: false });
    expect(await money.evm.balance(second.address)).toBe(FUNDS);
    for (const payment of ["%%%", { x402Version: 2 }, 7]) {
      const { data } = await session.call("engram_relay_submit", said("x"), { "x402/payment": payment });
      expect(data).toMatchObject({ code: "PAYMENT_MALFORMED" });
    }
    expect((await session.call("engram_relay_submit", { type: "inference" })).data).toMatchObject({
      code: "INVALID_ARGUMENTS",
    });
    expect(await money.evm.balance(payTo)).toBe(PRICE);
  });

  test("twice for a call that failed after it was paid, nor for copies at once", async () => {
    const payTo = newAddress();
    const inner = bench.relaying(await bench.home());
    let failures = 1;
    let submits = 0;
    const relaying: OpenRelaying = {
      ...inner,
      desk: async (of) => {
        const desk = await inner.desk(of);
        const submit: typeof desk.relay.submit = async (...output) => {
          submits += 1;
          if (failures-- > 0) throw new Error("the disk is full at /secret/path");
          return await desk.relay.submit(...output);
        };
        const { relay } = desk;
        const live = {
          get live() {
            return relay.live;
          },
          queued: relay.queued.bind(relay),
          find: relay.find.bind(relay),
          submit,
        };
        return { ...desk, relay: live, [Symbol.asyncDispose]: () => desk[Symbol.asyncDispose]() };
      },
    };
    await using server = await serve({ payTo, relaying });
    await using buyer = await money.buyer();
    await using session = await caller(server);
    const args = said("fails at first");
    const { reply, paid } = await session.pay(buyer, "engram_relay_submit", args);
    const failure = JSON.parse((reply.content as { readonly text: string }[])[0]?.text ?? "") as object;
    expect(reply.isError).toBe(true);
    expect(failure).toMatchObject({ code: "INTERNAL", payment: { state: "settled", amount: "$0.01" } });
    expect([paid, JSON.stringify(failure)]).toEqual([PRICE, expect.not.stringContaining("/secret/path")]);
    expect(await money.evm.balance(payTo)).toBe(PRICE);
    const tries = await Promise.all([1, 2, 3].map(() => session.pay(buyer, "engram_relay_submit", args)));
    for (const tried of tries) expect(tried.reply.structuredContent).toMatchObject({ created: true });
    expect(submits).toBe(2);
    expect(await money.evm.balance(payTo)).toBe(PRICE);
  });

  test("for one answer with two calls, nor with another call's answer, when both come at once", async () => {
    const payTo = newAddress();
    await using server = await serve({ payTo, encoding: "error" });
    await using session = await caller(server);
    await using stock = await openPayingClient("x402-fetch", money, FUNDS);
    const call = (completion: string, meta: object) => session.call("engram_relay_submit", said(completion), meta);
    const terms = await call("either", {}).catch((error: { readonly data: unknown }) => error.data);
    // Bound to no call, so that it may be brought for any.
    const payment = JSON.parse(atob(await paidByHttp(stock, terms))) as object;
    const both = await Promise.all(["first", "second"].map((text) => call(text, { "x402/payment": payment })));
    expect(both.map(({ data }) => data["code"] ?? data["created"]).toSorted()).toEqual(["PAYMENT_SPENT", true]);
    expect(await money.evm.balance(payTo)).toBe(PRICE);
  });

  test("where the operator's rule denies the act", async () => {
    const payTo = newAddress();
    await using server = await serve({ payTo, consent: { relay: "deny" } });
    await using buyer = await money.buyer();
    await using session = await caller(server);
    const { reply } = await session.pay(buyer, "engram_relay_submit", said("denied"));
    expect(reply.isError).toBe(true);
    expect(await money.evm.balance(payTo)).toBe(0);
  });
});

test("a price needs a payee, a known tool, and a switch for real dollars", () => {
  const payTo = { ENGRAM_MCP_PAY_TO: newAddress(), ENGRAM_PAYMENT_RPC_URL: money.evm.url };
  expect(readPriceList({})).toBeUndefined();
  expect(readPriceList({ ...payTo, ENGRAM_MCP_PRICES: "engram_query=0" })).toBeUndefined();
  for (const wrong of [
    { ENGRAM_MCP_PRICES: "engram_query=0.01" },
    { ...payTo, ENGRAM_MCP_PRICES: "engram_nothing=0.01" },
    { ...payTo, ENGRAM_MCP_PRICES: "engram_query=cheap" },
    { ...payTo, ENGRAM_MCP_PRICES: "engram_query=1", ENGRAM_MCP_NETWORK: "eip155:8453" },
  ]) {
    expect(() => readPriceList(wrong)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  }
});
