import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { pino } from "pino";
import { afterAll, afterEach, expect, test, vi } from "vitest";
import { replies } from "../../src/node/chain/local/chain-wire.ts";
import { HttpLocalChain } from "../../src/node/chain/local/http-local-chain.ts";
import { openChain } from "../../src/node/chain/open-chain.ts";
import { readMinerConfig } from "../../src/node/miner/miner-config.ts";
import { openMinerIdentity } from "../../src/node/miner/miner-folder.ts";
import { startMiner } from "../../src/node/miner/start-miner.ts";
import type { BlockRef } from "../../src/node/ports.ts";
import { systemClock } from "../../src/node/runtime/clock.ts";
import { signerOf, someHotkey } from "../compliance/chain-client.ts";
import { HashEmbedder } from "../support/hash-embedder.ts";

vi.setConfig({ testTimeout: 120_000 });

const launcher = fileURLToPath(new URL("../../bin/engram.js", import.meta.url));
const folder = await mkdtemp(join(tmpdir(), "engram-chain-"));
const running = new Set<ChildProcess>();
afterEach(async () => {
  for (const child of running) await stop(child, "SIGKILL");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Served {
  readonly child: ChildProcess;
  readonly url: string;
  readonly setting: string;
}

/** Starts `engram chain` and waits until it says that it serves. */
async function start(name: string, port = 0): Promise<Served> {
  const { PATH = "", HOME = "" } = process.env;
  const options = ["--home", join(folder, name), "--port", String(port), "--stepped", "--finality-lag", "4"];
  const child = spawn(process.execPath, [launcher, "chain", ...options], {
    env: { PATH, HOME },
    stdio: ["ignore", "ignore", "pipe"],
  });
  running.add(child);
  if (!child.stderr) throw new Error("no standard error");
  for await (const line of createInterface({ input: child.stderr })) {
    const said = JSON.parse(line) as { readonly msg: string; readonly url: string; readonly setting: string };
    if (said.msg === "the chain serves") {
      child.stderr.resume();
      return { child, url: said.url, setting: said.setting };
    }
  }
  throw new Error("the chain ended before it served");
}

async function stop(child: ChildProcess, signal: "SIGTERM" | "SIGKILL"): Promise<number | null> {
  running.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  child.kill(signal);
  const [code] = (await once(child, "exit")) as [number | null];
  return code;
}

test("a chain that is killed keeps every write it acknowledged", async () => {
  const owner = someHotkey();
  let served = await start("killed");
  const port = Number(new URL(served.url).port);
  await using client = openChain(served.setting, folder, signerOf);
  await client.register(owner, owner);
  let acknowledged = 0;
  for (let round = 0; round < 3; round += 1) {
    const { child } = served;
    for (let write = 0; ; write += 1) {
      const text = Buffer.from(String(acknowledged + 1));
      // Killed while a write is on its way: it may have taken effect or not.
      if (write === 5) child.kill("SIGKILL");
      const done = await client.setCommitment(owner, text).then(
        () => true,
        () => false,
      );
      if (!done) break;
      acknowledged += 1;
    }
    await stop(child, "SIGKILL");
    served = await start("killed", port);
    const kept = await client.commitment(owner, (await client.head()).number);
    expect([acknowledged, acknowledged + 1]).toContain(Number(Buffer.from(kept ?? []).toString()));
    expect(await client.uidOf(owner)).toBe(0);
  }
  expect(acknowledged).toBeGreaterThanOrEqual(15);
});

async function blockIn(reply: Promise<Response>): Promise<BlockRef> {
  return replies.block.parse(await (await reply).json()).block;
}

test("a chain that is asked to stop answers who waits for a block, and ends well", async () => {
  const { child, url } = await start("stopped");
  await using client = new HttpLocalChain({ url });
  const head = await client.head();
  const waiting = fetch(`${url}/head?seen=${head.number}:${head.hash}`);
  const bystander = client.waitForBlock(head.number + 1, AbortSignal.timeout(60_000));
  await client.step();
  expect(await bystander).toEqual(await blockIn(waiting));
  const now = await client.head();
  const asked = fetch(`${url}/head?seen=${now.number}:${now.hash}`);
  // Another question on a socket of its own: once it is answered, the first one has arrived.
  await client.finalized();
  const ended = stop(child, "SIGTERM");
  expect(await blockIn(asked)).toEqual(now);
  expect(await ended).toBe(0);
});

test("miners of different homes find each other on one chain", async () => {
  const { setting, url } = await start("shared");
  const logger = pino({ level: "silent" });
  const endpoints: string[] = [];
  await using control = new HttpLocalChain({ url });
  for (const name of ["one", "two"]) {
    const home = join(folder, name);
    await using chain = openChain(setting, home, () => openMinerIdentity(join(home, "miner")));
    const config = readMinerConfig({ ENGRAM_CHAIN: setting, MINER_PORT: "0" });
    const deps = { chain, embedder: new HashEmbedder(), clock: systemClock, logger };
    await using miner = await startMiner(join(home, "miner"), config, deps);
    endpoints.push(miner.endpoint);
  }
  expect((await control.metagraph()).neurons).toEqual([]);
  await control.step(4);
  expect((await control.metagraph()).neurons.map(({ endpoint }) => endpoint)).toEqual(endpoints);
});
