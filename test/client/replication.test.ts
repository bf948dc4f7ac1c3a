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
