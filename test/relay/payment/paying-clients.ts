import { wrapFetch as wrapDexter } from "@dexterai/x402/client";
import { ExactEvmScheme } from "@x402/evm/exact/client";
import { wrapFetchWithPayment as wrapSecond, x402Client } from "@x402/fetch";
import { createWalletClient, defineChain, http, publicActions } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { wrapFetchWithPayment as wrapFirst } from "x402-fetch";
import { PaymentBuyer, payerKeyPath } from "../../../src/relay/payment/payment-buyer.ts";
import { openPaymentKey } from "../../../src/relay/payment/payment-key.ts";
import type { Hex } from "../../../src/relay/payment/payment-types.ts";
import { encodeHeader } from "../../../src/relay/payment/payment-wire.ts";
import { type Money, SETTINGS } from "./money.ts";
import { submissionOf } from "./shop.ts";

interface Post {
  readonly method: "POST";
  readonly body: string;
  readonly headers?: Headers | Readonly<Record<string, string>>;
}

export type Send = (url: string, init: Post) => Promise<Response>;

/** A paid request as it went out, and how it was answered. */
export interface Paid {
  readonly request: Post;
  readonly status: number;
}

/** Changes a message of x402 on its way, in either version: what is asked for, and what is paid. */
export interface Tamper {
  readonly asked?: (terms: Record<string, unknown>, version: 1 | 2) => object;
  readonly paid?: (payment: Record<string, unknown>, version: 1 | 2) => object;
}

export interface PayingClient {
  readonly name: "x402-fetch" | "@x402/fetch" | "@dexterai/x402" | "ours";
  readonly version: 1 | 2;
  readonly address: Hex;
  /** Posts, pays what is asked for, and posts again, through `send`. */
  readonly pay: (send: Send) => Send;
  /** Cancels by signature. */
  readonly key: Hex;
}

export const CLIENTS = ["x402-fetch", "@x402/fetch", "@dexterai/x402", "ours"] as const;

/** A client of a kind, with `funds` of the token. */
export async function openClient(
  name: PayingClient["name"],
  { evm, chain, folder }: Pick<Money, "evm" | "chain" | "folder">,
  funds: number,
  clockAhead = 0,
): Promise<PayingClient & AsyncDisposable> {
  if (name === "ours") {
    const clock = { now: () => Date.now() + clockAhead, sleep: async () => undefined };
    const home = await folder();
    const buyer = await PaymentBuyer.open({ home, settings: SETTINGS, chain, clock });
    const key = (await openPaymentKey(payerKeyPath(home))).secret.reveal();
    if (funds > 0) await evm.fund(buyer.address, funds);
    const pay = (send: Send) => payAsOurs(buyer, send);
    const { address } = buyer;
    return { name, version: 2, address, key, pay, [Symbol.asyncDispose]: () => buyer[Symbol.asyncDispose]() };
  }
  const key = generatePrivateKey();
  const account = privateKeyToAccount(key);
  if (funds > 0) await evm.fund(account.address, funds);
  const as = (version: 1 | 2, pay: (send: Send) => unknown) => ({
    ...{ name, version, key, address: account.address, [Symbol.asyncDispose]: async () => undefined },
    pay: (send: Send) => pay(send) as Send,
  });
  if (name === "@x402/fetch") {
    const client = () => new x402Client().register("eip155:84532", new ExactEvmScheme(account));
    return as(2, (send) => wrapSecond(fetchOver(send), client()));
  }
  if (name === "@dexterai/x402") {
    const network = "eip155:84532";
    const options = { evmPrivateKey: key, preferredNetwork: network, rpcUrls: { [network]: evm.url } };
    return as(2, (send) => wrapDexter(fetchOver(send), { ...options, maxAmountAtomic: "10000" }));
  }
  // Its own way to make a wallet goes to public nodes; this one stays here. It knows chains by name.
  const local = defineChain({
    id: 84_532,
    name: "Base Sepolia",
    nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
    rpcUrls: { default: { http: [evm.url] } },
  });
  const wallet = createWalletClient({ account, chain: local, transport: http(evm.url) }).extend(publicActions);
  return as(1, (send) => wrapFirst(fetchOver(send), wallet as unknown as Parameters<typeof wrapFirst>[1], 10_000n));
}

function payAsOurs(buyer: PaymentBuyer, send: Send): Send {
  return async (url, init) => {
    const asked = await send(url, init);
    if (asked.status !== 402) return asked;
    const challenge = { headers: asked.headers, body: (await asked.json()) as unknown };
    const headers = await buyer.pay(challenge, submissionOf(init.body, new URL(url).origin));
    return await send(url, { ...init, headers });
  };
}

/** `send` as the `fetch` that a stock client wraps; some hand it a `Request`. */
function fetchOver(send: Send): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    const { url, headers } = request;
    return await send(url, { method: "POST", body: await request.text(), headers });
  };
}

const PAYMENT = ["x-payment", "payment-signature"] as const;

function decoded(header: string): Record<string, unknown> {
  return JSON.parse(atob(header)) as Record<string, unknown>;
}

/** `send`, with somebody between who changes what passes, and who keeps the paid requests. */
export function tampered(send: Send, { asked, paid }: Tamper, kept: Paid[] = []): Send {
  return async (url, init) => {
    const headers = new Headers(init.headers);
    for (const [index, name] of PAYMENT.entries()) {
      const header = headers.get(name);
      if (header !== null && paid) headers.set(name, encodeHeader(paid(decoded(header), (index + 1) as 1 | 2)));
    }
    const request = { ...init, headers };
    const reply = await send(url, request);
    if (PAYMENT.some((name) => headers.has(name))) kept.push({ request, status: reply.status });
    if (reply.status !== 402 || !asked || kept.length > 0) return reply;
    const changed = (message: Record<string, unknown>, version: 1 | 2) => ({
      ...message,
      accepts: (message["accepts"] as Record<string, unknown>[]).map((terms) => asked(terms, version)),
    });
    const answer = new Headers(reply.headers);
    answer.set("payment-required", encodeHeader(changed(decoded(answer.get("payment-required") ?? ""), 2)));
    return Response.json(changed((await reply.json()) as Record<string, unknown>, 1), { status: 402, headers: answer });
  };
}
