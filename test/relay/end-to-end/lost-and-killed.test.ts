import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Submission } from "../../../src/relay/outbox/outbox-types.ts";
import { openPayer } from "../../../src/relay/payment/open-payer.ts";
import { verifyReceipt } from "../../../src/relay/receipt.ts";
import { get } from "../gateway/gateway-kit.ts";
import { AnswerProxy } from "./answer-proxy.ts";
import { FUNDS, PaidSubnet, PRICE, proposers, runAll } from "./paid-subnet.ts";
import type { RelayProcessOptions } from "./relay-process.ts";

let proxy: AnswerProxy;
let subnet: PaidSubnet;
beforeAll(async () => {
  proxy = await AnswerProxy.open();
  subnet = await PaidSubnet.open({ origin: proxy.url });
  proxy.target = subnet.gateway.url;
}, 120_000);
afterAll(async () => {
  await subnet[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
});

type Child = ChildProcessByStdio<Writable, Readable, null>;

function relayProcess(options: RelayProcessOptions): Child {
  const script = fileURLToPath(new URL("./relay-process.ts", import.meta.url));
  return spawn(process.execPath, [script, JSON.stringify(options)], { stdio: ["pipe", "pipe", "inherit"] });
}

async function said(child: Child): Promise<{ readonly worked: boolean; readonly submissions: readonly Submission[] }> {
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return JSON.parse(line.toString()) as { worked: boolean; submissions: Submission[] };
}

async function kill(child: Child): Promise<void> {
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  expect(await exited).toEqual([null, "SIGKILL"]);
}

test("replies lost and the relay killed, twice: delivered once, paid exactly the price, once", async () => {
  await subnet.miner("miner");
  const names = ["validator-1", "validator-2"] as const;
  const one = await subnet.validator(names[0]);
  const two = await subnet.validator(names[1]);
  await subnet.served.chain.step(10);
  await runAll(subnet, [one, two]);
  await subnet.served.chain.step();
  const [first] = await proposers(subnet, one, two);
  const folder = join(subnet.folder, first === one ? names[0] : names[1]);
  // From here on the proposer's relay is another process's; its fellow goes on signing.
  await first[Symbol.asyncDispose]();
  const environment = subnet.environment();
  const paid = () => subnet.evm.balance(subnet.payTo);

  // The gateway settles and stores; its answer is on the way when the relay is killed.
  proxy.fate = (status) => (status === 201 ? "hold" : "pass");
  const waiting = relayProcess({ folder, environment, ahead: 0 });
  await proxy.held;
  expect(await paid()).toBe(PRICE);
  await kill(waiting);

  // A minute later, when the dead one's lease is over: asked again, and that answer is lost, too.
  proxy.fate = () => "drop";
  const unlucky = relayProcess({ folder, environment, ahead: 60_000 });
  expect(await said(unlucky)).toMatchObject({ worked: true, submissions: [{ state: "submitting", attempts: 1 }] });
  await kill(unlucky);

  proxy.fate = () => "pass";
  const lucky = relayProcess({ folder, environment, ahead: 120_000 });
  const { submissions } = await said(lucky);
  expect(submissions).toMatchObject([{ state: "delivered", attempts: 1, lastHttpCode: 200 }]);
  await kill(lucky);

  expect(proxy.seen.map(({ status }) => status)).toEqual([402, 201, 200, 200]);
  expect(new Set(proxy.seen.map(({ request }) => request.body)).size).toBe(1);
  const payments = proxy.seen.slice(1).map(({ request }) => request.headers["payment-signature"]);
  expect(new Set(payments).size).toBe(1);
  const [delivered] = submissions;
  const receipt = await verifyReceipt(delivered?.receipt, subnet.gateway.hotkey, delivered?.signedHash ?? "");
  expect(receipt).toMatchObject({ gateway_seq: 1, payment: { amount: `${PRICE}`, bound: true } });
  const feed = await get<{ readonly external_intelligence: readonly object[] }>(
    subnet.gateway,
    "/v1/external-intelligence",
  );
  expect(feed.external_intelligence).toHaveLength(1);

  expect(await paid()).toBe(PRICE);
  await using payer = await openPayer(folder, environment, environment["XERIS_RELAY_URL"] ?? "");
  expect(payer?.address).toBe(first.payer);
  expect(await subnet.evm.balance(first.payer ?? "0x")).toBe(FUNDS - PRICE);
  expect(await payer?.ledger()).toMatchObject([{ state: "settled", amount: PRICE }]);
  expect(await payer?.budget()).toMatchObject({ spent: PRICE, reserved: 0 });
}, 120_000);
