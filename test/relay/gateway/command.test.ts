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
