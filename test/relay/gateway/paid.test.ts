import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../../src/node/runtime/clock.ts";
import { gasKeyPath } from "../../../src/relay/gateway/payment-settlement.ts";
import type { RunningGateway } from "../../../src/relay/gateway/start-gateway.ts";
import { openPaymentKey } from "../../../src/relay/payment/payment-key.ts";
import type { Hex, PaidSubmission } from "../../../src/relay/payment/payment-types.ts";
import { verifyReceipt } from "../../../src/relay/receipt.ts";
import { type Money, newAddress, openMoney } from "../payment/money.ts";
import type { DyingOptions } from "./dying-gateway.ts";
import { GatewayKit, get, type MadeSubmission, post, type ReplyBody } from "./gateway-kit.ts";

const ORIGIN = "http://gateway.test";
const PRICE = 1_000;

let kit: GatewayKit;
let money: Money;
let gasKey: string;
beforeAll(async () => {
  [kit, money] = await Promise.all([GatewayKit.open(), openMoney()]);
  gasKey = join(kit.folder, "gas-key");
  await money.evm.fundGas((await openPaymentKey(gasKey)).address);
}, 60_000);
afterAll(async () => {
  await money[Symbol.asyncDispose]();
  await kit[Symbol.asyncDispose]();
});

/** Posts a paid submission to a gateway that is killed between settling and storing. */
async function payAndKill(folder: string, payTo: Hex, made: MadeSubmission) {
  const options: DyingOptions = {
    chain: join(kit.folder, "chain.db"),
    folder,
    rpcUrl: money.evm.url,
    gasKey,
    payTo,
    origin: ORIGIN,
    price: PRICE,
  };
  const script = fileURLToPath(new URL("./dying-gateway.ts", import.meta.url));
  const child = spawn(process.execPath, [script, JSON.stringify(options)], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const url = line.toString().trim();
  const submission: PaidSubmission = { signedHash: made.signedHash, resource: `${ORIGIN}/relay` };
  await using buyer = await money.buyer();
  const asked = await post({ url }, made.text);
  expect(asked.status).toBe(402);
  const headers = await buyer.pay({ headers: asked.headers, body: asked.body }, submission);
  await expect(post({ url }, made.text, headers)).rejects.toThrow();
  expect(await exited).toEqual([null, "SIGKILL"]);
  expect(await money.evm.balance(payTo)).toBe(PRICE);
  return { headers, address: buyer.address };
}

function restart(folder: string, payTo: Hex, later = 0): Promise<RunningGateway> {
  const pricing = {
    price: PRICE,
    payTo,
    token: money.evm.token,
    rpcUrl: money.evm.url,
    facilitatorUrl: undefined,
    stateFolder: undefined,
  };
  const clock = { ...systemClock, now: () => Date.now() + later };
  return kit.start({ clock, config: { folder, pricing, origin: ORIGIN } });
}

test("killed between settling and storing: the same payment, sent again, gets the receipt and pays nothing", async () => {
  const [folder, payTo] = [join(kit.folder, "retried"), newAddress()];
  const made = await kit.ranking({ cosigners: kit.validators.slice(1) });
  const { headers, address } = await payAndKill(folder, payTo, made);
  await using gateway = await restart(folder, payTo);
  const reply = await post(gateway, made.text, headers);
  expect(reply.status).toBe(201);
  const receipt = await verifyReceipt(reply.body.receipt, gateway.hotkey, made.signedHash);
  expect(receipt).toMatchObject({ gateway_seq: 1, payment: { payer: address, amount: "1000", bound: true } });
  expect(await money.evm.balance(payTo)).toBe(PRICE);
}, 60_000);

test("killed between settling and storing: it is stored and receipted also when nobody sends it again", async () => {
  const [folder, payTo] = [join(kit.folder, "adopted"), newAddress()];
  const made = await kit.ranking({ cosigners: kit.validators.slice(1), recall: 0.5 });
  await payAndKill(folder, payTo, made);
  await using gateway = await restart(folder, payTo, 120_000);
  const state = await get<ReplyBody>(gateway, `/relay/${made.signedHash}`);
  expect(state.status).toBe("accepted");
  const receipt = await verifyReceipt(state.receipt, gateway.hotkey, made.signedHash);
  expect(receipt.payment).toMatchObject({ amount: "1000", bound: true });
  expect(await post(gateway, made.text)).toMatchObject({ status: 200, body: { receipt } });
  expect(await money.evm.balance(payTo)).toBe(PRICE);
}, 60_000);

test("a gateway that settles with its own gas moves the price once and says so on the receipt", async () => {
  const [folder, payTo] = [join(kit.folder, "own-gas"), newAddress()];
  await money.evm.fundGas((await openPaymentKey(gasKeyPath(folder))).address);
  await using gateway = await restart(folder, payTo);
  await using buyer = await money.buyer();
  const made = await kit.inference({}, "worth a tenth of a cent");
  const submission: PaidSubmission = { signedHash: made.signedHash, resource: `${ORIGIN}/relay` };
  const asked = await post(gateway, made.text);
  const headers = await buyer.pay({ headers: asked.headers, body: asked.body }, submission);
  const replies = await Promise.all([1, 2, 3].map(() => post(gateway, made.text, headers)));
  expect(replies.map(({ status }) => status).sort()).toEqual([200, 200, 201]);
  const { receipt } = replies[0]?.body ?? {};
  expect(receipt?.payment).toMatchObject({ payer: buyer.address, amount: "1000", bound: true });
  expect(await money.evm.balance(payTo)).toBe(PRICE);
  const other = await kit.inference({}, "not paid for");
  expect((await post(gateway, other.text, headers)).status).toBe(400);
}, 60_000);
