import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { MemoryClient } from "../../src/node/client/memory.ts";
import { openEngram } from "../../src/node/open-engram.ts";
import { ClientBench, quiet } from "../support/client-bench.ts";
import { TcpMiners } from "../support/tcp-miners.ts";
import { TestEmbedder } from "../support/test-embedder.ts";

let bench: ClientBench;
const opened: AsyncDisposable[] = [];

function open(miners?: string, home = bench.home): MemoryClient {
  const client = openEngram({ home, log: quiet, embedder: new TestEmbedder(), ...(miners ? { miners } : {}) });
  opened.push(client);
  return client;
}

beforeEach(async () => {
  bench = await ClientBench.make();
});
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]();
  await bench[Symbol.asyncDispose]();
});

/** The names of the files below the data folder that hold `word`. */
async function filesWith(word: string): Promise<string[]> {
  const entries = await readdir(bench.home, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const held = await Promise.all(
    files.map(async ({ parentPath, name }) => ((await readFile(join(parentPath, name))).includes(word) ? [name] : [])),
  );
  return held.flat().sort();
}

describe("zero configuration", () => {
  test("the embedded miner holds a copy that does not count", async () => {
    const client = open();
    const { replicas } = await client.store({ items: [{ text: "Ada prefers tea" }] });
    expect(replicas).toEqual({ have: 0, target: 3, possible: 0 });
    await client.settle();
    const status = await client.status();
    expect(status.replicas).toEqual({ have: 0, target: 3, possible: 0, note: "local only" });
    expect(status.journal).toEqual({ pushes: 0, deletes: 0, failed: 0 });
    expect(status.miners).toEqual([]);
  });
});

describe("the embedded miner's copy", () => {
  test("counts neither as a replica that has to be deleted nor as one that cannot be", async () => {
    const client = open();
    const { stored } = await client.store({ items: [{ text: "Ada prefers tea" }, { text: "Bob prefers milk" }] });
    await client.settle();
    const nobody = { deleted: 0, pending: 0, impossible: 0 };
    expect((await client.delete({ ids: [stored[0]?.id ?? ""] })).replicas).toEqual(nobody);
    // A process that has not looked at any miner yet knows it too.
    expect((await open().delete({ ids: [stored[1]?.id ?? ""] })).replicas).toEqual(nobody);
    await client.settle();
    expect((await client.status()).journal).toEqual({ pushes: 0, deletes: 0, failed: 0 });
  });

  test("is deleted also when remote miners have taken its place: no byte of what was public stays", async () => {
    const word = "zqplainlyreadable";
    const before = open();
    const { stored } = await before.store({ items: [{ text: `${word} for all` }], public: true });
    await before.settle();
    await before[Symbol.asyncDispose]();
    expect(await filesWith(word)).toEqual(["memory.db", "records.db"]);
    await using miners = await TcpMiners.start(1);
    const client = open(miners.list);
    await client.settle();
    const gone = await client.delete({ ids: stored.map(({ id }) => id) });
    expect(gone.replicas).toEqual({ deleted: 0, pending: 1, impossible: 0 });
    await client.settle();
    expect((await client.status()).journal).toEqual({ pushes: 0, deletes: 0, failed: 0 });
    expect(await filesWith(word)).toEqual([]);
    await client[Symbol.asyncDispose]();
  });
});

describe("three miners over TCP", () => {
  test("every memory reaches all three, and a delete takes it from all", async () => {
    await using miners = await TcpMiners.start(3);
    const client = open(miners.list);
    const { stored } = await client.store({
      items: Array.from({ length: 20 }, (_, i) => ({ text: `memory ${i} of tea` })),
    });
    await client.settle();
    const status = await client.status();
    expect(status.replicas).toEqual({ have: 3, target: 3, possible: 3 });
    expect(status.miners.map(({ reachable, caps }) => [reachable, caps.includes("private1")])).toEqual(
      Array.from({ length: 3 }, () => [true, true]),
    );
    const gone = await client.delete({ ids: stored.slice(0, 5).map(({ id }) => id) });
    expect(gone.replicas.pending).toBeGreaterThan(0);
    await client.settle();
    expect((await client.status()).journal).toEqual({ pushes: 0, deletes: 0, failed: 0 });
  });
});
