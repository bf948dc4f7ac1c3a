import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterEach, expect, test, vi } from "vitest";
import { defaultLocalChainSettings } from "../../src/node/chain/local/local-chain-settings.ts";
import { serveLocalChain } from "../../src/node/chain/local/serve-local-chain.ts";
import { systemClock } from "../../src/node/runtime/clock.ts";
import { openRelayBooks } from "../../src/relay/relay-books.ts";
import { get, type ReplyBody } from "../relay/gateway/gateway-kit.ts";
import { quiet } from "../support/client-bench.ts";
import { inference, RelayBench } from "./relay-bench.ts";

const running = new Set<() => void>();
afterEach(() => {
  for (const kill of running) kill();
  running.clear();
});

/** The shipped server, with nothing asked yet. */
function start(home: string, env: Readonly<Record<string, string>>) {
  const { PATH = "", HOME = "" } = process.env;
  const server = spawn(process.execPath, ["bin/engram.js", "mcp"], {
    env: { PATH, HOME, ENGRAM_HOME: home, ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const kill = () => void server.kill("SIGKILL");
  running.add(kill);
  const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
  const ask = async (id: number, method: string, params: object) => {
    server.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`);
    return JSON.parse(String((await lines.next()).value)) as { readonly result: Record<string, unknown> };
  };
  return { server, ask };
}

test("a server is killed right after its answer: the next one delivers, and nobody asks it to", async () => {
  // Final only when the chain has grown: what is queued stays queued.
  await using bench = await RelayBench.open(undefined, {
    ...defaultLocalChainSettings,
    blocks: "stepped",
    finalityLag: 1,
  });
  const { kit, gateway } = bench;
  await using chain = await serveLocalChain({
    folder: kit.folder,
    hostname: "127.0.0.1",
    port: 0,
    settings: defaultLocalChainSettings,
    clock: systemClock,
    logger: quiet,
  });
  const home = await bench.home();
  const env = { ...bench.environment, ENGRAM_CHAIN: chain.setting };
  const first = start(home, env);
  const clientInfo = { name: "t", version: "0" };
  await first.ask(1, "initialize", { protocolVersion: "2025-11-25", capabilities: {}, clientInfo });
  const { result } = await first.ask(2, "tools/call", { name: "engram_relay_submit", arguments: inference });
  first.server.kill("SIGKILL");
  await once(first.server, "exit");
  const { job } = result["structuredContent"] as { readonly job: string };

  await using books = await openRelayBooks(home, env, Date.now);
  expect(await books?.find(job)).toMatchObject({ state: "held", signedHash: null });
  await kit.chain.step(5);
  const second = start(home, env);
  const delivered = await vi.waitFor(
    async () => {
      const found = await books?.find(job);
      expect(found).toMatchObject({ state: "delivered" });
      return found;
    },
    { timeout: 60_000, interval: 200 },
  );
  const { status } = await get<ReplyBody>(gateway, `/relay/${delivered?.signedHash}`);
  expect(status).toBe("accepted");
  second.server.stdin.end();
  expect(await once(second.server, "exit")).toEqual([0, null]);
}, 120_000);
