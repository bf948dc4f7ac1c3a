import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import pkg from "../../package.json" with { type: "json" };
import { dataFiles } from "../../src/mcp/data-files.ts";
import { checkVersions } from "../../src/node/commands/doctor/data-checks.ts";
import { checkPackages, OPTIONAL_PARTS } from "../../src/node/commands/doctor/package-checks.ts";
import { openDatabase } from "../../src/node/runtime/sqlite.ts";
import { checkPayment, checkRelay } from "../../src/relay/doctor/book-checks.ts";
import { checkGateway } from "../../src/relay/doctor/gateway-check.ts";
import { checkPorts } from "../../src/relay/doctor/port-check.ts";
import type { RelayBooks } from "../../src/relay/relay-books.ts";
import { engram, temporaryFolder } from "./engram.ts";

const HOTKEY = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

/** Answers every request with `body`. */
async function serve(body: object): Promise<string> {
  const server = createServer((_, response) => response.end(JSON.stringify(body)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("the parts are those that --omit=optional leaves out, and a light installation is no fault", () => {
  expect(Object.values(OPTIONAL_PARTS).flat().sort()).toEqual(Object.keys(pkg.optionalDependencies).sort());
  expect(checkPackages()).toMatchObject({ state: "ok", detail: "every part is installed" });
  const light = checkPackages("built-in", (name) => name !== "viem");
  expect(light).toMatchObject({ state: "ok", detail: expect.stringContaining("without payments;") });
  expect(checkPackages("built-in", () => false).detail).toContain("gRPC");
  expect(checkPackages("minilm", (name) => !name.startsWith("@huggingface/"))).toMatchObject({
    state: "warning",
    fix: expect.stringContaining("npm install @huggingface/transformers"),
  });
  expect(checkPackages("minilm", () => true)).toMatchObject({ state: "ok" });
});

test("data of an older version is said, and of a newer one is not opened", async () => {
  const home = await temporaryFolder();
  const [first] = Object.entries(dataFiles["memory.db"] ?? {});
  const old = await openDatabase(join(home, "memory.db"), Object.fromEntries(first ? [first] : []));
  expect(await checkVersions({ home, dataFiles })).toMatchObject({
    state: "warning",
    detail: expect.stringContaining("memory.db"),
  });
  old.exec("INSERT INTO kysely_migration VALUES ('999-future', '2030-01-01T00:00:00.000Z')");
  old.close();
  const { code, stdout } = await engram(home, ["doctor", "--json"]);
  expect(code).toBe(1);
  const { checks } = JSON.parse(stdout) as { checks: readonly { name: string; state: string }[] };
  expect(checks.at(-1)).toMatchObject({ name: "versions", state: "broken" });
  expect(await checkVersions({ home: join(home, "none"), dataFiles })).toMatchObject({ state: "ok" });
});

test("a gateway must answer, for the subnet and with the key that is pinned", async () => {
  const ask = async (url: string) => checkGateway({ XERIS_RELAY_URL: url, ENGRAM_GATEWAY_HOTKEY: HOTKEY });
  expect(await checkGateway({})).toMatchObject({ state: "ok", detail: expect.stringContaining("none configured") });
  expect(await ask(await serve({ hotkey: HOTKEY, netuid: 450 }))).toMatchObject({ state: "ok" });
  expect(await ask(await serve({ hotkey: "5Other", netuid: 450 }))).toMatchObject({ state: "warning" });
  expect(await ask(await serve({ hotkey: HOTKEY, netuid: 1 }))).toMatchObject({ state: "broken" });
  expect(await ask(await serve({ hello: "world" }))).toMatchObject({ detail: expect.stringContaining("no gateway") });
  expect(await ask("http://127.0.0.1:1")).toMatchObject({ detail: expect.stringContaining("does not answer") });
});

/** What a folder relayed and paid, as far as the doctor asks. */
function books(failed: number, failures: number, left: number): RelayBooks {
  const states = { held: 1, ready: 0, cosigning: 0, anchoring: 0, submitting: 0 };
  const status = async () => ({ states, total_ok: 7, total_failed: failed, consecutive_failures: failures });
  const budget = async () => ({ day: "2026-11-29", limit: 1_000_000, reserved: 0, spent: 0, left });
  return { status, budget } as unknown as RelayBooks;
}

test("submissions given up, failures in a row and an empty budget are for the person to weigh", async () => {
  expect(await checkRelay(undefined)).toMatchObject({ state: "ok" });
  expect(await checkRelay(books(0, 2, 0))).toMatchObject({ state: "ok", detail: "7 delivered, 1 on their way" });
  expect(await checkRelay(books(2, 0, 0))).toMatchObject({ state: "warning", fix: expect.stringContaining("replay") });
  expect(await checkRelay(books(0, 3, 0))).toMatchObject({ state: "warning" });
  const paying = { ENGRAM_DAILY_BUDGET_USD: "1" };
  expect(await checkPayment(books(0, 0, 0), {})).toMatchObject({ state: "ok" });
  expect(await checkPayment(books(0, 0, 5), paying)).toMatchObject({ state: "ok" });
  expect(await checkPayment(books(0, 0, 0), paying)).toMatchObject({ state: "warning" });
  const at = async (url: string) => checkPayment(books(0, 0, 5), { ...paying, ENGRAM_PAYMENT_RPC_URL: url });
  expect(await at(await serve({ result: "0x14a34" }))).toMatchObject({ state: "ok" });
  expect(await at(await serve({ result: "0x1" }))).toMatchObject({ state: "broken" });
  expect(await at("http://127.0.0.1:1")).toMatchObject({ state: "warning" });
});

test("the ports of a local subnet are its own, whether it runs or not", async () => {
  const home = await temporaryFolder();
  expect(await checkPorts(home)).toMatchObject({ state: "ok", detail: "no local subnet in this folder" });
  const { port } = new URL(await serve({}));
  await mkdir(join(home, "subnet"));
  await writeFile(join(home, "subnet/ports.json"), JSON.stringify({ chain: Number(port) }));
  expect(await checkPorts(home)).toMatchObject({
    state: "warning",
    detail: expect.stringContaining(`chain (${port})`),
  });
  await writeFile(join(home, "subnet.json"), "{}");
  expect(await checkPorts(home)).toMatchObject({ state: "ok", detail: expect.stringContaining("1 process") });
  await writeFile(join(home, "subnet/ports.json"), JSON.stringify({ chain: 1 }));
  expect(await checkPorts(home)).toMatchObject({ state: "broken" });
});
