import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openEngram } from "../../src/node/open-engram.ts";
import { ClientBench, quiet } from "../support/client-bench.ts";
import { ReferenceMinerStub } from "../support/reference-miner-stub.ts";
import { TestEmbedder } from "../support/test-embedder.ts";

/** The count is 1,000: `KILLED_STORES=1000` runs it. */
const COUNT = Number(process.env["KILLED_STORES"] ?? 240);
const PROCESSES = 4;

let bench: ClientBench;
const children: Server[] = [];
beforeEach(async () => {
  bench = await ClientBench.make();
});
afterEach(async () => {
  for (const child of children.splice(0)) await child.kill();
  await bench[Symbol.asyncDispose]();
});

/** One of several servers on a folder. */
class Server {
  acknowledged = 0;
  readonly done: Promise<void>;
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #exited: Promise<unknown>;

  constructor(name: string, miners: string) {
    const script = fileURLToPath(new URL("../support/store-until-told.ts", import.meta.url));
    const args = [script, bench.home, miners, name, String(COUNT / PROCESSES)];
    this.#process = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.#exited = once(this.#process, "exit");
    this.done = new Promise((resolve) => {
      createInterface(this.#process.stdout).on("line", (line) => {
        if (line === "done") resolve();
        else this.acknowledged = Number(line.split(" ")[1]);
      });
    });
    children.push(this);
  }

  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#exited;
  }

  async stop(): Promise<void> {
    this.#process.stdin.end();
    await this.#exited;
  }
}

test("four servers on one folder, one killed while it pushes: each miner received each record once", async () => {
  await using first = await ReferenceMinerStub.start({ caps: ["private1"] });
  await using second = await ReferenceMinerStub.start({ caps: ["private1"] });
  const stubs = [first, second];
  const miners = stubs.map(({ entry }) => entry).join(",");
  // Alone at first, this one holds the lease.
  const victim = new Server("victim", miners);
  await expect.poll(() => first.ingests, { timeout: 20_000, interval: 5 }).toBeGreaterThan(10);
  const others = Array.from({ length: PROCESSES - 1 }, (_, i) => new Server(`server ${i}`, miners));
  await expect.poll(() => others[0]?.acknowledged ?? 0, { timeout: 20_000, interval: 5 }).toBeGreaterThan(0);
  const before = first.ingests;
  await expect.poll(() => first.ingests, { timeout: 20_000, interval: 1 }).toBeGreaterThan(before);
  await victim.kill();
  await Promise.all(others.map(({ done }) => done));

  const acknowledged = [victim, ...others].reduce((sum, server) => sum + server.acknowledged, 0);
  await using client = openEngram({ home: bench.home, log: quiet, embedder: new TestEmbedder(), miners });
  const { memories } = await client.status();
  expect(memories).toBeGreaterThanOrEqual(acknowledged);
  // Every memory, and the directory's record of their namespace; another server takes over 15 s after the kill.
  for (const stub of stubs) {
    await expect.poll(() => stub.ingested.size, { timeout: 60_000, interval: 100 }).toBe(memories + 1);
  }
  await Promise.all(others.map((server) => server.stop()));
  await client.settle();
  for (const stub of stubs) {
    expect(stub.ingested.size).toBe(memories + 1);
    expect([...stub.ingested.values()].filter((times) => times !== 1)).toEqual([]);
  }
  expect(await client.status()).toMatchObject({
    replicas: { have: 2, target: 2, possible: 2 },
    journal: { pushes: 0, deletes: 0, failed: 0 },
  });
}, 120_000);
