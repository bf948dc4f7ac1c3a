import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test, vi } from "vitest";
import { addToken, principalHome } from "../../src/mcp/tokens.ts";
import { defaultLocalChainSettings } from "../../src/node/chain/local/local-chain-settings.ts";
import { serveLocalChain } from "../../src/node/chain/local/serve-local-chain.ts";
import { systemClock } from "../../src/node/runtime/clock.ts";
import { engram } from "../cli/engram.ts";
import { FakeGate } from "../relay/gateway/fake-gate.ts";
import { GatewayKit } from "../relay/gateway/gateway-kit.ts";
import { quiet } from "../support/client-bench.ts";
import { connect } from "../support/mcp-clients.ts";
import { inference } from "./relay-bench.ts";

/** The shipped server over HTTP; its address, and its operator's. */
async function serve(home: string, env: Readonly<Record<string, string>>) {
  const { PATH = "", HOME = "" } = process.env;
  const server = spawn(process.execPath, ["bin/engram.js", "mcp", "--port", "0"], {
    env: { PATH, HOME, ENGRAM_HOME: home, ENGRAM_ADMIN_PORT: "0", ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  onTestFinished(async () => {
    server.kill("SIGTERM");
    if (server.exitCode === null) await once(server, "exit");
    expect(server.exitCode).toBe(0);
  });
  let operator = "";
  for await (const line of createInterface({ input: server.stderr })) {
    operator = /^Metrics at (\S+)\/metrics$/.exec(line)?.[1] ?? operator;
    const url = /^MCP at (\S+)\/mcp$/.exec(line)?.[1];
    if (url !== undefined) return { url, operator };
  }
  throw new Error("the server ended");
}

test("callers over HTTP relay from folders of their own, and a replay works while the server runs", async () => {
  await using kit = await GatewayKit.open();
  const chain = { folder: kit.folder, hostname: "127.0.0.1", port: 0, settings: defaultLocalChainSettings };
  await using served = await serveLocalChain({ ...chain, clock: systemClock, logger: quiet });
  // Nobody here may spend: a gateway that asks for money parks the submission.
  const priced = await kit.start({ openGate: async () => new FakeGate() });
  const home = await mkdtemp(join(kit.folder, "home-"));
  const tokens = {
    ana: (await addToken(home, "ana", new Date())).reveal(),
    bob: (await addToken(home, "bob", new Date())).reveal(),
  };
  const env = { XERIS_RELAY_URL: priced.url, ENGRAM_GATEWAY_HOTKEY: priced.hotkey, ENGRAM_CHAIN: served.setting };
  const { url, operator } = await serve(home, env);
  await using ana = await connect({ url, token: tokens.ana }, "auto");
  await using bob = await connect({ url, token: tokens.bob }, "auto");
  const { data } = await ana.call("engram_relay_submit", inference);
  const job = String(data["job"]);
  const state = (wanted: object) =>
    vi.waitFor(async () => expect((await ana.call("engram_relay_status", { job })).data).toMatchObject(wanted), {
      timeout: 30_000,
      interval: 100,
    });
  await state({
    state: "parked",
    error: "payment_not_configured",
    why: expect.stringContaining("ENGRAM_DAILY_BUDGET_USD"),
  });
  expect((await bob.call("engram_relay_status", { job })).data).toMatchObject({ code: "RELAY_JOB_UNKNOWN" });
  expect((await bob.call("engram_relay_status")).data).toMatchObject({ jobs: [] });
  expect(await (await fetch(`${operator}/ready`)).json()).toEqual({ ready: true });
  const metrics = await (await fetch(`${operator}/metrics`)).text();
  expect(metrics).toContain('engram_mcp_calls_total{tool="engram_relay_submit",outcome="ok"} 1\n');
  expect(metrics).toContain('engram_mcp_calls_total{tool="engram_relay_status",outcome="refused"} 1\n');
  expect(metrics).toContain('engram_relay_queue_entries{state="parked"} 1\n');
  expect(metrics).toContain('engram_relay_attempts_total{code="402"} 1\n');
  const outboxes = [home, principalHome(home, "ana"), principalHome(home, "bob")].map((folder) =>
    existsSync(join(folder, "relay.sqlite")),
  );
  expect(outboxes).toEqual([false, true, false]);

  await priced[Symbol.asyncDispose]();
  await using free = await kit.start({ config: { port: Number(new URL(priced.url).port) } });
  expect(free.hotkey).toBe(priced.hotkey);
  const replay = await engram(home, ["relay", "replay", job, "--home", principalHome(home, "ana")]);
  expect([replay.code, replay.stderr]).toEqual([0, ""]);
  await state({ state: "delivered", receipt: { assurance: "author" } });

  const other = await bob.call("engram_relay_submit", inference);
  expect(other.data).toMatchObject({ created: true });
  expect(other.data["job"]).not.toBe(job);
}, 120_000);
