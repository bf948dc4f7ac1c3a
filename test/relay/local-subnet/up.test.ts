import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { homeEnvironment } from "../../../src/node/runtime/saved-subnet.ts";
import { engram, engramJson, errorOf, temporaryFolder } from "../../cli/engram.ts";
import { UpProcess } from "./up-process.ts";

const FAST = ["--block-ms", "200"];

test("up starts a subnet, delivers paid rankings, survives its own kill -9, and stops leaving nothing behind", async () => {
  const home = await temporaryFolder();
  // Of another subnet: none of it may get into this one.
  const foreign = { XERIS_RELAY_URL: "http://127.0.0.1:1", ENGRAM_CHAIN: "local", ENGRAM_DAILY_BUDGET_USD: "0" };
  await using up = await UpProcess.start(home, FAST, foreign);
  const { ready } = up;
  const names = ready.processes.map(({ name }) => name);
  expect(names).toEqual([
    ...["chain", "miner-1", "miner-2", "miner-3", "anvil", "gateway", "validator-1", "validator-2"],
  ]);
  expect(up.pids.size).toBe(names.length);

  const found = await homeEnvironment(home, {});
  expect(found).toEqual({
    ENGRAM_CHAIN: ready.chain,
    XERIS_RELAY_URL: ready.gateway.url,
    ENGRAM_GATEWAY_HOTKEY: ready.gateway.hotkey,
    ENGRAM_PAYMENT_RPC_URL: ready.payments?.rpcUrl,
    ENGRAM_DAILY_BUDGET_USD: "1",
  });
  expect(await homeEnvironment(home, { ENGRAM_CHAIN: "local" })).toEqual({ ENGRAM_CHAIN: "local" });

  const second = await engram(home, ["up", "--json"]);
  expect(second.code).not.toBe(0);
  expect(errorOf(second).code).toBe("SUBNET_RUNNING");

  await engramJson(home, ["store", "the ferry leaves at nine"]);
  const { replicas, chain } = await engramJson<{ replicas: object; chain: { identity: string } }>(home, ["status"]);
  expect(replicas).toMatchObject({ have: 3, target: 3 });
  expect(ready.chain.endsWith(`#${chain.identity.slice("local:".length)}`)).toBe(true);

  await up.until("a paid ranking", () => up.status?.lastReceipt?.paid === true, 180_000);
  expect(up.status?.lastReceipt).toMatchObject({ assurance: "quorum", signatures: { have: 2, need: 2 } });
  await up.until("it counts as delivered", () => delivered(up) > 0, 20_000);
  expect(up.status?.balances?.["gateway"]).toBe((up.status?.receipts ?? 0) * (ready.payments?.price ?? 0));
  const payer = Object.keys(up.status?.relay ?? {}).find((name) => deliveredBy(up, name) > 0) ?? "";
  const { payments } = await engramJson<{ payments: object[] }>(join(home, "subnet", payer), ["payments"]);
  expect(payments.at(-1)).toMatchObject({ state: "settled", amount: 1_000, gateway: ready.gateway.url });

  await expectDashboard(up, ready.dashboard?.link ?? "", payer);

  const measured = await scrapeAll(home);
  expect([...measured.keys()]).toEqual(names.filter((name) => name !== "chain" && name !== "anvil"));
  for (const text of measured.values()) expect(text).toContain("engram_chain_connected 1\n");
  expect(measured.get("gateway")).toMatch(/^engram_gateway_payments_total [1-9]/m);
  expect(measured.get("validator-1")).toMatch(/^engram_validator_rounds_total\{verdict="quorum"\} [1-9]/m);
  expect(measured.get(payer)).toMatch(/^engram_relay_submissions_total\{result="ok",output_type="ranking"\} [1-9]/m);
  expect(measured.get(payer)).toMatch(/^engram_relay_payment_budget_usd 1$/m);

  const receipts = up.status?.receipts ?? 0;
  expect(await up.end("SIGKILL")).toEqual([null, "SIGKILL"]);

  await using again = await UpProcess.start(home, FAST);
  expect(again.ready.chain).toBe(ready.chain);
  expect(again.ready.gateway).toEqual(ready.gateway);
  expect(again.ready.payments).toEqual(ready.payments);
  await again.until("another ranking", () => (again.status?.receipts ?? 0) > receipts, 180_000);

  expect(await again.end("SIGINT")).toEqual([0, null]);
  // On their own again: memories stay usable without the subnet.
  expect(await homeEnvironment(home, {})).toEqual({});
  const { memories } = await engramJson<{ memories: number }>(home, ["status"]);
  expect(memories).toBe(1);
}, 180_000);

test("without payments the gateway is free and nothing is said of a payment chain; a stop half-way leaves nothing", async () => {
  const home = await temporaryFolder();
  const few = ["--no-payments", "--miners", "1", "--validators", "1"];
  await using starting = new UpProcess(home, few);
  await starting.until("the first process", () => starting.running.size > 0, 180_000);
  expect(await starting.end("SIGTERM")).toEqual([0, null]);
  expect(starting.ready).toBeNull();

  await using up = await UpProcess.start(home, few);
  expect(up.ready.payments).toBeNull();
  expect(up.ready.processes.map(({ name }) => name)).toEqual(["chain", "miner-1", "gateway", "validator-1"]);
  expect(Object.keys(await homeEnvironment(home, {})).sort()).toEqual([
    ...["ENGRAM_CHAIN", "ENGRAM_GATEWAY_HOTKEY", "XERIS_RELAY_URL"],
  ]);
  const about = (await (await fetch(`${up.ready.gateway.url}/v1/gateway`)).json()) as { price: unknown };
  expect(about.price).toBeNull();
  expect(await up.end("SIGTERM")).toEqual([0, null]);
}, 120_000);

/** Its pages show this subnet, and none that the environment of `engram up` names. */
async function expectDashboard(up: UpProcess, link: string, payer: string): Promise<void> {
  const { origin, searchParams } = new URL(link);
  const body = new URLSearchParams({ code: searchParams.get("code") ?? "" });
  const entered = await fetch(`${origin}/login`, { method: "POST", headers: { origin }, body, redirect: "manual" });
  const cookie = entered.headers.get("set-cookie")?.split(";")[0] ?? "";
  const page = async (path: string) => await (await fetch(`${origin}${path}`, { headers: { cookie } })).text();
  const shown = {
    "/": [...up.running.keys(), "3 of 3"],
    "/memories": ["the ferry leaves at nine"],
    "/network": ["Rounds of validator-1", "5 nodes", "Records held by"],
    [`/relay?of=${payer}`]: ["delivered", "ranking"],
    "/intelligence": ["2 owners, 2 needed", "found on the payment chain"],
    [`/payments?of=${payer}`]: ["of $1.00 used", "settled"],
  };
  for (const [path, words] of Object.entries(shown)) {
    const text = await page(path);
    for (const word of words) expect([path, text.includes(word) ? word : text]).toEqual([path, word]);
    expect(text).not.toContain('class="notice bad"');
  }
  await up.until("the next link is told", () => up.link !== null && up.link !== link, 10_000);
}

/** What Prometheus would be told, by the name of each process. */
async function scrapeAll(home: string): Promise<ReadonlyMap<string, string>> {
  const file = await readFile(join(home, "subnet", "prometheus-targets.json"), "utf8");
  const groups = JSON.parse(file) as { targets: [string]; labels: { node: string } }[];
  const texts = groups.map(async ({ targets: [target], labels: { node } }) => {
    return [node, await (await fetch(`http://${target}/metrics`)).text()] as const;
  });
  return new Map(await Promise.all(texts));
}

function delivered(up: UpProcess): number {
  return Object.keys(up.status?.relay ?? {}).reduce((sum, name) => sum + deliveredBy(up, name), 0);
}

function deliveredBy({ status }: UpProcess, name: string): number {
  return status?.relay[name]?.states["delivered"] ?? 0;
}
