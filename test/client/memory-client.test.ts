import { stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseFilter } from "../../src/node/protocol/filter.ts";
import { ClientBench } from "../support/client-bench.ts";
import { TestEmbedder } from "../support/test-embedder.ts";

let bench: ClientBench;
beforeEach(async () => {
  bench = await ClientBench.make();
});
afterEach(() => bench[Symbol.asyncDispose]());

describe("a memory's way through the client", () => {
  test("store, query, get, list, delete without miners", async () => {
    const client = bench.open();
    const { stored, replicas } = await client.store({
      items: [
        { text: "Ada prefers tea over coffee", speaker: "Ada", metadata: { topic: "drinks" } },
        { text: "The deploy runs on Friday", metadata: { topic: "work", size: 3 } },
      ],
    });
    expect(stored).toHaveLength(2);
    expect(stored[0]?.id).toMatch(/^m_[a-z2-7]{16}$/);
    expect(replicas).toEqual({ have: 0, target: 3, possible: 0 });
    const [ada, deploy] = stored.map(({ id }) => id);

    const { hits } = await client.query({ query: "what does Ada drink, tea or coffee?" });
    expect(hits[0]).toMatchObject({ id: ada, text: "Ada prefers tea over coffee", tier: "own", namespace: "main" });
    expect(hits[0]?.score).toBeGreaterThan(0);

    const filtered = await client.query({ query: "tea Friday", filter: parseFilter({ size: { gt: 2 } }) });
    expect(filtered.hits.map(({ id }) => id)).toEqual([deploy]);

    const got = await client.get([ada as string, "m_aaaaaaaaaaaaaaaa"]);
    expect(got.items).toMatchObject([{ id: ada, speaker: "Ada", metadata: { topic: "drinks" }, seq: 1 }]);
    expect(got.missing).toEqual(["m_aaaaaaaaaaaaaaaa"]);

    expect((await client.list({})).items.map(({ id }) => id)).toEqual([deploy, ada]);
    expect(await client.countForDelete({ ids: [ada as string] })).toBe(1);
    const deleted = await client.delete({ ids: [ada as string, "m_aaaaaaaaaaaaaaaa"] });
    expect(deleted).toMatchObject({ deleted: [ada], missing: ["m_aaaaaaaaaaaaaaaa"], local: true });
    expect((await client.get([ada as string])).missing).toEqual([ada]);
    expect((await client.query({ query: "tea or coffee" })).hits.map(({ id }) => id)).not.toContain(ada);
    expect(await client.namespaces()).toMatchObject([{ name: "main", visibility: "private", memories: 1 }]);
  });

  test("opening makes nothing; the first call makes files for their owner alone", async () => {
    const client = bench.open();
    await expect(stat(bench.home)).rejects.toThrow("ENOENT");
    await client.store({ items: [{ text: "a first memory" }] });
    expect((await stat(bench.home)).mode & 0o777).toBe(0o700);
    for (const file of ["memory.db", "memory.db-wal"]) {
      expect((await stat(join(bench.home, file))).mode & 0o777).toBe(0o600);
    }
  });

  test("a model that says nothing keeps nobody waiting who gives up", async () => {
    const embedder = new TestEmbedder();
    const client = bench.open({ embedder });
    const goOn = embedder.hold();
    await client.store({ items: [{ text: "stored before its vector" }] });
    await expect(client.settle({ signal: AbortSignal.timeout(20) })).rejects.toThrow("timeout");
    goOn();
    await client.settle();
    expect((await client.status()).awaitingVectors).toBe(0);
  });

  test("status tells who owns it and that nobody holds copies", async () => {
    const client = bench.open();
    await client.store({ items: [{ text: "something to count" }] });
    await client.settle();
    expect(await client.status()).toMatchObject({
      home: bench.home,
      hotkey: expect.stringMatching(/^5/),
      backup: "never made",
      chain: { identity: expect.stringMatching(/^local:/) },
      memories: 1,
      namespaces: 1,
      awaitingVectors: 0,
      replicas: { have: 0, possible: 0 },
      journal: { pushes: 0, deletes: 0, failed: 0 },
    });
  });
});
