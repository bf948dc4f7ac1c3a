import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { MemoryClient } from "../../src/node/client/memory.ts";
import { openEngram } from "../../src/node/open-engram.ts";
import { ClientBench, quiet } from "../support/client-bench.ts";
import { ReferenceMinerStub } from "../support/reference-miner-stub.ts";
import { TestEmbedder } from "../support/test-embedder.ts";

/** The count is 10,000: `PRIVATE_STORES=10000` runs it. */
const COUNT = Number(process.env["PRIVATE_STORES"] ?? 500);
const BATCH = 250;

let bench: ClientBench;
beforeEach(async () => {
  bench = await ClientBench.make();
});
afterEach(() => bench[Symbol.asyncDispose]());

function open(stubs: readonly ReferenceMinerStub[], options: { readonly privateOnReferenceMiners?: boolean } = {}) {
  const miners = stubs.map(({ entry }) => entry).join(",");
  return openEngram({ home: bench.home, log: quiet, embedder: new TestEmbedder(), miners, ...options });
}

async function storePrivate(client: MemoryClient, count: number): Promise<void> {
  for (let from = 0; from < count; from += BATCH) {
    const items = Array.from({ length: Math.min(BATCH, count - from) }, (_, i) => ({
      text: `zebra secret ${from + i}`,
      speaker: "zebra speaker",
      metadata: { zebraKey: from + i },
    }));
    await client.store({ items, session: "zebra session", namespace: "zebra room" });
  }
}

describe("miners that publish what they are given (M-W1)", () => {
  test("no private byte reaches them, and public memories still do", async () => {
    await using first = await ReferenceMinerStub.start();
    await using second = await ReferenceMinerStub.start();
    await using client = open([first, second]);
    await storePrivate(client, COUNT);
    const { stored } = await client.store({ items: [{ text: "open to everyone" }], public: true });
    expect(stored).toHaveLength(1);
    await client.settle();
    expect(await client.status()).toMatchObject({ replicas: { have: 0, possible: 0, note: "local only" } });
    for (const stub of [first, second]) {
      const all = stub.requests.map(({ body }) => body).join("\n");
      expect(all).toContain("open to everyone");
      expect(all).not.toMatch(/zebra|_enc|"namespace"/);
      expect(stub.ingests).toBe(1);
      expect(stub.held.map(({ namespace }) => namespace)).toEqual([""]);
    }
  }, 300_000);

  test("beside one that keeps private records, they get none; it gets sealed ones alone", async () => {
    await using reference = await ReferenceMinerStub.start();
    await using keeper = await ReferenceMinerStub.start({ caps: ["private1"] });
    await using client = open([reference, keeper]);
    await storePrivate(client, 20);
    await client.settle();
    expect(reference.ingests).toBe(0);
    // 20 memories and the directory's record of their namespace.
    expect(keeper.ingests).toBe(21);
    const all = keeper.requests.map(({ body }) => body).join("\n");
    expect(all).not.toContain("zebra");
    for (const { metadata, namespace } of keeper.held) {
      expect([...metadata.keys()]).toEqual(["_enc"]);
      expect(namespace).toMatch(/^n[0-9a-f]{40}$/);
    }
    expect((await client.status()).replicas).toEqual({ have: 1, target: 1, possible: 1 });
  });

  test("they get private records, sealed, only when a person asked for it; deleting there is impossible", async () => {
    await using reference = await ReferenceMinerStub.start();
    await using client = open([reference], { privateOnReferenceMiners: true });
    const { stored } = await client.store({ items: [{ text: "zebra secret" }] });
    await client.settle();
    expect(reference.held.length).toBeGreaterThan(0);
    expect(reference.requests.map(({ body }) => body).join("\n")).not.toContain("zebra");
    await client.delete({ ids: stored.map(({ id }) => id) });
    await client.settle();
    expect(reference.requests.some(({ path }) => path.startsWith("/retrieve/"))).toBe(false);
  });

  test("a public memory whose metadata uses the record's own keys is refused before it is stored", async () => {
    await using reference = await ReferenceMinerStub.start();
    await using client = open([reference]);
    for (const key of ["author", "text", "_enc"]) {
      const items = [{ text: "x y z", metadata: { [key]: "somebody else" } }];
      await expect(client.store({ items, public: true })).rejects.toMatchObject({ code: "METADATA_RESERVED" });
    }
    await client.settle();
    expect(reference.ingests).toBe(0);
  });
});
