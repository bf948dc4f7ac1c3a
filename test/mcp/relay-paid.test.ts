import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Writable } from "node:stream";
import { pino } from "pino";
import { expect, test, vi } from "vitest";
import { openWallet } from "../../src/node/chain/wallet.ts";
import { walletFolder } from "../../src/node/client/open-client.ts";
import { gasKeyPath } from "../../src/relay/gateway/payment-settlement.ts";
import { openLedger } from "../../src/relay/payment/ledger.ts";
import { payerKeyPath } from "../../src/relay/payment/payment-buyer.ts";
import { openPaymentKey } from "../../src/relay/payment/payment-key.ts";
import { newAddress, openMoney } from "../relay/payment/money.ts";
import { inference, RelayBench } from "./relay-bench.ts";

const PRICE = 1_000;

test("a submission is paid once, the budget says so, and no key, payment or phrase is ever shown", async () => {
  await using money = await openMoney();
  const payTo = newAddress();
  await using bench = await RelayBench.open(async (kit) => {
    const folder = join(kit.folder, "gateway");
    await money.evm.fundGas((await openPaymentKey(gasKeyPath(folder))).address);
    const { token, url: rpcUrl } = money.evm;
    const pricing = { price: PRICE, payTo, token, rpcUrl, facilitatorUrl: undefined, stateFolder: undefined };
    return { folder, pricing };
  });
  const home = await bench.home();
  const payer = await openPaymentKey(payerKeyPath(home));
  await money.evm.fund(payer.address, 1_000_000);

  const said: string[] = [];
  const sink = new Writable({
    write: (chunk: Buffer, _, done) => {
      said.push(chunk.toString());
      done();
    },
  });
  const log = pino({ level: "trace" }, sink);
  const variables = { ENGRAM_DAILY_BUDGET_USD: "0.0025", ENGRAM_PAYMENT_RPC_URL: money.evm.url };
  const relaying = bench.relaying(home, variables, log);
  await using session = await bench.session(home, { relaying, log });
  const call = async (name: string, args: Record<string, unknown> = {}) => {
    const answer = await session.call(name, args);
    said.push(answer.text);
    return answer.data;
  };
  const delivered = async (job: unknown) =>
    await vi.waitFor(
      async () => {
        const data = await call("engram_relay_status", { job });
        expect(data).toMatchObject({ state: "delivered" });
        return data;
      },
      { timeout: 30_000, interval: 100 },
    );

  const { job } = await call("engram_relay_submit", inference);
  const status = await delivered(job);
  expect(status["receipt"]).toMatchObject({
    paid: { payer: payer.address, amount: "$0.001", transaction: expect.stringMatching(/^0x[0-9a-f]{64}$/) },
  });
  expect(await call("engram_relay_submit", inference)).toMatchObject({ job, created: false });
  expect(await money.evm.balance(payTo)).toBe(PRICE);
  expect(await money.evm.balance(payer.address)).toBe(1_000_000 - PRICE);
  expect((await call("engram_status"))["budget"]).toEqual({ limit: "$0.0025", left: "$0.0015" });

  const second = await call("engram_relay_submit", { ...inference, completion: "It pays a second time." });
  await delivered(second["job"]);
  // The third is beyond the day's budget: it waits, and nothing is spent.
  const third = await call("engram_relay_submit", { ...inference, completion: "It is too much." });
  await vi.waitFor(
    async () => {
      const data = await call("engram_relay_status", { job: third["job"] });
      expect(data).toMatchObject({
        state: "submitting",
        error: "PAYMENT_BUDGET",
        why: expect.stringContaining("budget"),
      });
    },
    { timeout: 20_000, interval: 100 },
  );
  expect(await money.evm.balance(payTo)).toBe(2 * PRICE);
  const overview = await call("engram_relay_status");
  expect(overview["budget"]).toMatchObject({ spent: "$0.002", reserved: "$0.00", left: "$0.0005" });
  const read = await call("engram_intelligence", { min_assurance: "author" });
  expect(read["items"]).toMatchObject([
    { paid: "$0.001", payer: payer.address },
    { paid: "$0.001", payer: payer.address },
  ]);
  await call("engram_relay_status", { job: "nothing" });

  await using ledger = openLedger(home);
  const signedHash = String(status["signed_hash"]);
  const row = await ledger.call("findPurchase", { signedHash, gateway: bench.gateway.origin });
  const { payload } = JSON.parse(atob(row?.payment ?? "")) as { readonly payload: { readonly signature: string } };
  const key = (await readFile(payerKeyPath(home), "utf8")).trim().slice(2);
  const { phrase } = await openWallet(walletFolder(home));
  const all = said.join("\n");
  expect(all).toContain(status["job"]);
  for (const secret of [key, row?.payment, row?.salt, payload.signature.slice(2), phrase?.reveal()]) {
    expect(String(secret).length).toBeGreaterThan(30);
    expect(all).not.toContain(secret);
  }
}, 120_000);
