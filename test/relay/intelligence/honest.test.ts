import { afterAll, beforeAll, expect, test } from "vitest";
import { loadSr25519 } from "../../../src/crypto/sr25519.ts";
import { gasKeyPath } from "../../../src/relay/gateway/payment-settlement.ts";
import { readSubmission } from "../../../src/relay/gateway/read-submission.ts";
import type { RunningGateway } from "../../../src/relay/gateway/start-gateway.ts";
import type { PaymentBuyer } from "../../../src/relay/payment/payment-buyer.ts";
import { openPaymentKey } from "../../../src/relay/payment/payment-key.ts";
import { verifyReceiptChain } from "../../../src/relay/receipt.ts";
import { GatewayKit, post } from "../gateway/gateway-kit.ts";
import { type Money, newAddress, openMoney } from "../payment/money.ts";
import { ForgedGateway, GATEWAY, lying, openReader, sendTo } from "./reader-kit.ts";

const PRICE = 1_000;
const payTo = newAddress();
const never = new AbortController().signal;

let kit: GatewayKit;
let money: Money;
let gateway: RunningGateway;
let buyer: PaymentBuyer;
beforeAll(async () => {
  [kit, money] = await Promise.all([GatewayKit.open(), openMoney()]);
  const folder = `${kit.folder}/gateway`;
  await money.evm.fundGas((await openPaymentKey(gasKeyPath(folder))).address);
  const pricing = {
    price: PRICE,
    payTo,
    token: money.evm.token,
    rpcUrl: money.evm.url,
    facilitatorUrl: undefined,
    stateFolder: undefined,
  };
  gateway = await kit.start({ config: { folder, pricing, origin: GATEWAY } });
  buyer = await money.buyer();
  await pay((await kit.ranking({ cosigners: kit.validators.slice(1) })).text);
  await pay((await kit.inference({}, "what a model said")).text);
  await pay(await kit.plain());
}, 60_000);
afterAll(async () => {
  await buyer[Symbol.asyncDispose]();
  await gateway[Symbol.asyncDispose]();
  await money[Symbol.asyncDispose]();
  await kit[Symbol.asyncDispose]();
});

async function pay(text: string): Promise<void> {
  const { signedHash } = readSubmission(await loadSr25519(), text);
  const asked = await post(gateway, text);
  const bought = { headers: asked.headers, body: asked.body };
  const headers = await buyer.pay(bought, { signedHash, resource: `${GATEWAY}/relay` });
  expect((await post(gateway, text, headers)).status).toBe(201);
}

const honest = () => sendTo(() => gateway.url);
const paid = () => ({ ENGRAM_PAYMENT_RPC_URL: money.evm.url });

test("a quorum's ranking, an author's word and a payer's text are told apart, each with what was checked", async () => {
  const reader = await openReader(kit, { hotkey: gateway.hotkey, fetch: honest(), environment: paid() });
  const { items, refused, next } = await reader.read({ minAssurance: "payer" }, never);
  expect(refused).toEqual([]);
  expect(next).toBe(3);
  expect(items.map(({ assurance, outputType }) => [assurance, outputType])).toEqual([
    ["quorum", "ranking"],
    ["author", "inference"],
    ["payer", "inference"],
  ]);
  const [ranking, inference, plain] = items;
  expect(ranking).toMatchObject({
    seq: 1,
    netuid: 450,
    chain: await kit.chain.identity(),
    author: kit.validator(0).hotkey,
    quorum: { votes: 4, needed: 3 },
    payment: { payer: buyer.address, amount: `${PRICE}`, bound: true, settled: true },
    content: { scores: { "0": { recall: 0.95 } } },
  });
  expect([...(ranking?.cosigners ?? [])].sort()).toEqual(
    kit.validators
      .slice(1)
      .map(({ hotkey }) => hotkey)
      .sort(),
  );
  expect(inference).toMatchObject({ author: kit.stranger.hotkey, quorum: null, cosigners: [] });
  expect(plain).toMatchObject({ author: null, quorum: null, payment: { settled: true } });
  const receipts = await verifyReceiptChain(
    items.map(({ receipt }) => receipt),
    gateway.hotkey,
  );
  expect(receipts).toHaveLength(3);
});

test("pages and filters: the default is a quorum's, and each page goes on where the last ended", async () => {
  const reader = await openReader(kit, { hotkey: gateway.hotkey, fetch: honest(), environment: paid() });
  expect((await reader.read({}, never)).items.map(({ seq }) => seq)).toEqual([1]);
  const inferences = await reader.read({ minAssurance: "author", types: ["inference"] }, never);
  expect(inferences.items.map(({ seq }) => seq)).toEqual([2]);
  const seqs: number[] = [];
  for (let after = 0; ; ) {
    const page = await reader.read({ minAssurance: "payer", after, limit: 1 }, never);
    if (page.items.length === 0) break;
    seqs.push(...page.items.map(({ seq }) => seq));
    after = page.next;
  }
  expect(seqs).toEqual([1, 2, 3]);
  expect((await reader.read({ minAssurance: "payer", sinceMs: Date.now() + 60_000 }, never)).items).toEqual([]);
  await expect(reader.read({ limit: 0 }, never)).rejects.toMatchObject({ code: "INPUT_INVALID" });
});

test("without a payment chain a payment is only named, and what it alone vouches for is refused", async () => {
  const reader = await openReader(kit, { hotkey: gateway.hotkey, fetch: honest() });
  const { items, refused } = await reader.read({ minAssurance: "payer" }, never);
  expect(items.map(({ payment }) => payment?.settled)).toEqual([null, null]);
  expect(refused).toMatchObject([{ seq: 3, problem: "payment_unchecked" }]);
});

test("paid to somebody else than the payees who are allowed is not paid", async () => {
  const environment = { ...paid(), ENGRAM_PAYEES: newAddress() };
  const reader = await openReader(kit, { hotkey: gateway.hotkey, fetch: honest(), environment });
  expect((await reader.read({}, never)).refused).toMatchObject([{ seq: 1, problem: "payment_differs" }]);
  const allowed = { ...paid(), ENGRAM_PAYEES: `${newAddress()},${payTo.toLowerCase()}` };
  const right = await openReader(kit, { hotkey: gateway.hotkey, fetch: honest(), environment: allowed });
  expect((await right.read({}, never)).items).toHaveLength(1);
});

test("payments that never happened, of less, of another payer, or told twice are refused", async () => {
  const reader = await openReader(kit, { hotkey: gateway.hotkey, fetch: honest(), environment: paid() });
  const [first] = (await reader.read({}, never)).items;
  const payment = first?.receipt.payment;
  if (!payment) throw new Error("nothing was paid");
  const forged = await ForgedGateway.open(kit);
  const lies = [
    { ...payment, transaction: `0x${"12".repeat(32)}` as const },
    { ...payment, amount: "2000" },
    { ...payment, payer: newAddress() },
    { ...payment, network: "eip155:1" as const },
    { ...payment, network: "eip155:8453" as const, asset: "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913" as const },
    payment,
    payment,
  ];
  for (const [index, lie] of lies.entries()) {
    const { text } = await kit.inference({}, `said ${index}`);
    await forged.accept({ text, receipt: { payment: lie } });
  }
  const fetch = lying(forged.fetch, /^\/v1\/gateway$/, () => ({ price: { pay_to: payTo } }));
  const deceived = await openReader(kit, { hotkey: forged.signer.hotkey, fetch, environment: paid() });
  const page = await deceived.read({ minAssurance: "author" }, never);
  const found = [...page.refused.map(({ seq, problem }) => [seq, problem]), ...page.items.map(({ seq }) => [seq])];
  expect(found).toEqual([
    [1, "payment_missing"],
    [2, "payment_differs"],
    [3, "payment_differs"],
    [4, "payment_differs"],
    [5, "payment_unchecked"],
    [expect.toBeOneOf([6, 7]), "payment_reused"],
    [expect.toBeOneOf([6, 7])],
  ]);
  const plain = await ForgedGateway.open(kit, 78);
  await plain.accept({ text: await kit.plain() });
  const unpaid = await openReader(kit, { hotkey: plain.signer.hotkey, fetch: plain.fetch, environment: paid() });
  expect((await unpaid.read({ minAssurance: "payer" }, never)).refused).toMatchObject([{ problem: "payment_missing" }]);
});

test("a payment chain that does not answer is trouble, and no lie of the gateway", async () => {
  const environment = { ENGRAM_PAYMENT_RPC_URL: "http://127.0.0.1:9" };
  const reader = await openReader(kit, { hotkey: gateway.hotkey, fetch: honest(), environment });
  await expect(reader.read({}, never)).rejects.toMatchObject({ code: "PAYMENT_CHAIN_UNREACHABLE" });
});
