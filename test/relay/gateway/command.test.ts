import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { engram, temporaryFolder } from "../../cli/engram.ts";

const launcher = fileURLToPath(new URL("../../../bin/engram.js", import.meta.url));

test("engram gateway demands a chain", async () => {
  const outcome = await engram(await temporaryFolder(), ["gateway"]);
  expect(outcome.code).not.toBe(0);
  expect(outcome.stderr).toMatch(/chain/);
  expect(outcome.stderr).toMatch(/ENGRAM_CHAIN/);
});

test("engram gateway serves until it is told to stop", async () => {
  const { PATH = "", HOME = "" } = process.env;
  const variables = { ENGRAM_HOME: await temporaryFolder(), ENGRAM_CHAIN: "local", ENGRAM_GATEWAY_PORT: "0" };
  const child = spawn(process.execPath, [launcher, "gateway"], { env: { PATH, HOME, ...variables } });
  onTestFinished(() => void child.kill("SIGKILL"));
  const exited = once(child, "exit");
  const { url } = await firstLogLine(child.stderr);
  expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ status: "ok", receipts: 0 });
  child.kill("SIGTERM");
  expect(await exited).toEqual([0, null]);
});

async function firstLogLine(stream: NodeJS.ReadableStream): Promise<{ readonly url: string }> {
  for await (const line of createInterface({ input: stream })) {
    const found = JSON.parse(line) as { readonly url?: string };
    if (found.url !== undefined) return { url: found.url };
  }
  throw new Error("it ended before it served");
}

test("engram gateway webhook and payments work on a gateway's folder", async () => {
  const home = await temporaryFolder();
  const asked = async (...args: readonly string[]) => await engram(home, ["gateway", ...args]);
  expect((await asked("webhook", "add", "bot", "https://hooks.example.org/in")).stderr).toContain("token add");
  expect((await asked("token", "add", "bot")).code).toBe(0);
  expect((await asked("webhook", "add", "bot", "http://10.0.0.1/")).code).not.toBe(0);
  const added = await asked("webhook", "add", "bot", "https://hooks.example.org/in", "--types", "memory");
  const [id = "", secret = ""] = added.stdout.trim().split("\t");
  expect([id, secret]).toEqual([expect.stringMatching(/^wh_[0-9a-f]{24}$/), expect.stringMatching(/^whsec_/)]);
  const listed = await asked("webhook", "list", "--json");
  expect(JSON.parse(listed.stdout)).toMatchObject({
    webhooks: [{ id, reader: "bot", types: ["memory"], state: "active" }],
  });
  expect(listed.stdout).not.toContain(secret);
  expect((await asked("webhook", "remove", id)).code).toBe(0);
  expect((await asked("webhook", "revive", id)).code).toBe(1);
  const paid = await asked("payments", "--json");
  expect(JSON.parse(paid.stdout)).toEqual({ totals: { bound: 0, unbound: 0, mismatched: 0 }, payments: [] });
});
