import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { MemoryClient } from "../../src/node/client/memory.ts";
import { openMemoryClient } from "../../src/node/client/open-client.ts";
import { parseMinerList } from "../../src/node/client/replication/miner-list.ts";
import { openReplication } from "../../src/node/client/replication/open-replication.ts";
import { ClientBench, quiet } from "../support/client-bench.ts";
import { ReferenceMinerStub, type StubOptions } from "../support/reference-miner-stub.ts";
import { TestEmbedder } from "../support/test-embedder.ts";

const caps = ["private1", "expiry1"];

let bench: ClientBench;
beforeEach(async () => {
  bench = await ClientBench.make();
});
afterEach(() => bench[Symbol.asyncDispose]());

function open(...stubs: readonly ReferenceMinerStub[]): MemoryClient {
  const miners = parseMinerList(stubs.map(({ entry }) => entry).join(","));
  return openMemoryClient({
    home: bench.home,
    log: quiet,
    embedder: new TestEmbedder(),
    replication: openReplication({ miners, deadlineMs: 300 }),
  });
}

const faults: Readonly<Record<string, StubOptions["misbehave"]>> = {
  "answers 500": () => new Response("oops", { status: 500 }),
  "answers with words": () => Response.json({ cid: null, error: "stake too low" }),
  "answers another CID": () => Response.json({ cid: `v1::${"a".repeat(64)}`, error: null }),
  "answers no JSON": () => new Response("{"),
  "answers without end": () => new Response("x".repeat(400_000)),
  redirects: () => new Response(null, { status: 302, headers: { location: "http://127.0.0.1:9/" } }),
  hangs: () => new Promise<Response>(() => undefined),
};

describe("a miner beside a good one", () => {
  test.each(Object.entries(faults))("that %s is not counted, and does not hold the other up", async (_, misbehave) => {
    await using good = await ReferenceMinerStub.start({ caps });
    await using bad = await ReferenceMinerStub.start({ caps, ...(misbehave ? { misbehave } : {}) });
    await using client = open(good, bad);
    await client.store({ items: [{ text: "one" }, { text: "two" }] });
    await client.settle();
    const { replicas, journal } = await client.status();
    expect(replicas).toEqual({ have: 1, target: 2, possible: 2 });
    expect(journal.pushes).toBe(3);
    expect(good.ingests).toBe(3);
    expect(Math.max(...good.ingested.values())).toBe(1);
  });

  test.each([400, 413])("that answers %i is not asked again", async (status) => {
    await using bad = await ReferenceMinerStub.start({
      caps,
      misbehave: () => Response.json({ error: "never" }, { status }),
    });
    await using client = open(bad);
    await client.store({ items: [{ text: "one" }] });
    await client.settle();
    expect((await client.status()).journal.pushes).toBe(0);
    const asked = bad.requests.length;
    await client.settle();
    expect(bad.requests).toHaveLength(asked);
  });

  test("at whose address another hotkey signs gets nothing", async () => {
    await using impostor = await ReferenceMinerStub.start({ caps, impostor: true });
    await using client = open(impostor);
    await client.store({ items: [{ text: "one" }] });
    await client.store({ items: [{ text: "two" }], public: true });
    await client.settle();
    expect(impostor.requests).toEqual([]);
    expect((await client.status()).miners).toMatchObject([{ hotkey: impostor.hotkey, reachable: false, caps: [] }]);
  });

  test("that stops signing its capabilities keeps its place, and gets nothing until it signs again", async () => {
    await using miner = await ReferenceMinerStub.start({ caps });
    {
      await using client = open(miner);
      await client.store({ items: [{ text: "one" }] });
      await client.settle();
      expect(miner.ingests).toBe(2);
    }
    miner.caps = undefined;
    await using client = open(miner);
    await client.store({ items: [{ text: "two" }] });
    await client.settle();
    expect((await client.status()).replicas).toMatchObject({ target: 1, possible: 1 });
    expect(miner.ingests).toBe(2);
  });
});

describe("what travels", () => {
  test("an expiry stands beside the record, and an expired memory is deleted at its holder", async () => {
    await using miner = await ReferenceMinerStub.start({ caps });
    await using client = open(miner);
    const before = Date.now();
    const { stored } = await client.store({ items: [{ text: "short-lived" }], ttlSeconds: 3_600 });
    await client.settle();
    const bodies = miner.requests.map(({ body }) => JSON.parse(body) as { readonly expires_at?: number });
    const [end] = bodies.flatMap(({ expires_at }) => expires_at ?? []);
    expect(end).toBeGreaterThanOrEqual(before / 1000 + 3_600);
    expect(end).toBeLessThan(before / 1000 + 3_700);
    await client.delete({ ids: stored.map(({ id }) => id) });
    await client.settle();
    // The memory is gone; the directory and its tombstone remain.
    expect(miner.held).toHaveLength(2);
  });

  test("a second client on the folder sends nothing twice, and an answer that got lost is asked after", async () => {
    let lost = 0;
    await using miner = await ReferenceMinerStub.start({
      caps,
      // Stores, but the answer never arrives: the first time for each record.
      misbehave: (path, stub) => {
        const last = stub.requests.at(-1);
        if (
          path !== "/IngestSynapse" ||
          !last ||
          stub.requests.filter(({ path }) => path === "/IngestSynapse").length > 2
        ) {
          return undefined;
        }
        lost += 1;
        stub.keep(last.body);
        return new Response("gone", { status: 502 });
      },
    });
    await using client = open(miner);
    await using other = open(miner);
    await client.store({ items: [{ text: "one" }] });
    await client.settle();
    expect(lost).toBe(2);
    const settled = async () => {
      await other.settle();
      return (await client.status()).replicas.have;
    };
    await expect.poll(settled, { timeout: 10_000, interval: 200 }).toBe(1);
    expect([...miner.ingested.values()]).toEqual([1, 1]);
  });
});
