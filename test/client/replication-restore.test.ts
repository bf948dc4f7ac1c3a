import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openWallet } from "../../src/node/chain/wallet.ts";
import type { Memory, MemoryClient } from "../../src/node/client/memory.ts";
import { walletFolder } from "../../src/node/client/open-client.ts";
import type { RestoreProgress } from "../../src/node/client/replication/restoration.ts";
import { restore } from "../../src/node/client/replication/restore.ts";
import { openEngram } from "../../src/node/open-engram.ts";
import type { Secret } from "../../src/node/runtime/secret.ts";
import { ClientBench, quiet } from "../support/client-bench.ts";
import { ReferenceMinerStub } from "../support/reference-miner-stub.ts";
import { TcpMiners } from "../support/tcp-miners.ts";
import { TestEmbedder } from "../support/test-embedder.ts";

/** The count is 500: `RESTORE_MEMORIES=500` runs it. */
const COUNT = Number(process.env["RESTORE_MEMORIES"] ?? 60);

let bench: ClientBench;
let miners: TcpMiners;
beforeEach(async () => {
  bench = await ClientBench.make();
  miners = await TcpMiners.start(3);
});
afterEach(async () => {
  await miners[Symbol.asyncDispose]();
  await bench[Symbol.asyncDispose]();
});

function open(home = bench.home): MemoryClient {
  return openEngram({ home, log: quiet, embedder: new TestEmbedder(), miners: miners.list });
}

async function phraseOf(home: string): Promise<Secret<string>> {
  const { phrase } = await openWallet(walletFolder(home));
  if (!phrase) throw new Error("no phrase");
  return phrase;
}

async function all(client: MemoryClient): Promise<Map<string, Memory>> {
  const found = new Map<string, Memory>();
  for await (const memory of client.export()) found.set(memory.id, memory);
  return found;
}

function run(phrase: Secret<string>, home = bench.home, onProgress?: (progress: RestoreProgress) => void) {
  const options = { home, phrase, miners: miners.list, embedder: new TestEmbedder() };
  return restore({ ...options, ...(onProgress ? { onProgress } : {}) });
}

/** Stores memories of every kind, forgets some, and tells what must come back. */
async function fill(): Promise<{ readonly kept: Map<string, Memory>; readonly gone: readonly string[] }> {
  await using client = open();
  const at = Date.UTC(2026, 2, 3);
  const { stored } = await client.store({
    items: Array.from({ length: COUNT }, (_, i) => ({
      text: `note ${i}: the blue kettle number ${i} stands on shelf ${i % 7}`,
      speaker: i % 2 ? "Ada" : "Bo",
      at: at + i * 1000,
      session: `s${i % 3}`,
      metadata: { i, nested: { ключ: [1, "two", null] } },
    })),
  });
  const long = `${"A long tale of many words. ".repeat(900)}The end is 漢字.`;
  await client.store({ items: [{ text: long }], namespace: "Arbeit & Träume" });
  await client.store({ items: [{ text: "ends in a year" }], ttlSeconds: 31_536_000 });
  const [old] = (await client.store({ items: [{ text: "the code is 1234" }] })).stored;
  const oldId = old?.id ?? "";
  await client.store({ items: [{ text: "the code is 5678" }], replaces: oldId });
  await client.store({ items: [{ text: "Ada publishes this", metadata: { topic: "open" } }], public: true });
  const shown = await client.store({ items: [{ text: "Ada takes this back" }], public: true });
  await client.settle();
  const gone = [...stored.slice(0, 5), ...shown.stored].map(({ id }) => id);
  await client.delete({ ids: gone });
  await client.settle();
  expect((await client.status()).journal).toEqual({ pushes: 0, deletes: 0, failed: 0 });
  return { kept: await all(client), gone: [...gone, oldId] };
}

describe("restore from the phrase", () => {
  test("all that was stored answers again as it was; nothing that was forgotten does", async () => {
    const { kept, gone } = await fill();
    const phrase = await phraseOf(bench.home);
    await rm(bench.home, { recursive: true });
    const steps: RestoreProgress[] = [];
    const result = await run(phrase, bench.home, (progress) => steps.push(progress));
    expect(result).toMatchObject({ memories: kept.size, namespaces: 3, skipped: 0 });
    expect(result.miners.every(({ reachable, records }) => reachable && records > 0)).toBe(true);
    expect(steps.at(-1)).toMatchObject({ memories: kept.size });

    await using client = open();
    expect(await all(client)).toEqual(kept);
    expect((await client.get(gone)).missing).toEqual(gone.slice(0, -1));
    // The replaced memory's id answers with the one that took its place.
    expect((await client.get([gone.at(-1) ?? ""])).items[0]?.text).toBe("the code is 5678");
    await client.settle();
    const { hits } = await client.query({ query: `blue kettle number ${COUNT - 1}` });
    expect(hits[0]?.text).toContain(`number ${COUNT - 1} `);
    // What miners hold is known: nothing is pushed a second time.
    expect(await client.status()).toMatchObject({
      replicas: { have: 3, target: 3, possible: 3 },
      journal: { pushes: 0, deletes: 0, failed: 0 },
    });
  });

  test("with a miner dead, everything another one holds comes back", async () => {
    const { kept, gone } = await fill();
    const phrase = await phraseOf(bench.home);
    await rm(bench.home, { recursive: true });
    await miners.stop(0);
    const result = await run(phrase);
    expect(result.memories).toBe(kept.size);
    expect(result.miners.filter(({ reachable }) => reachable)).toHaveLength(2);
    await using client = open();
    expect(await all(client)).toEqual(kept);
    expect((await client.get(gone.slice(0, -1))).items).toEqual([]);
  });

  test("a miner that slept through a delete does not bring the memory back, and is told again", async () => {
    const client = open();
    const { stored } = await client.store({ items: [{ text: "forget me" }, { text: "keep me" }] });
    await client.settle();
    const phrase = await phraseOf(bench.home);
    await miners.stop(1);
    const { replicas } = await client.delete({ ids: [stored[0]?.id ?? ""] });
    expect(replicas).toMatchObject({ pending: 3, impossible: 0 });
    await client.settle();
    expect((await client.status()).journal.deletes).toBe(1);
    await client[Symbol.asyncDispose]();
    await rm(bench.home, { recursive: true });
    await miners.restart(1);
    expect(await run(phrase)).toMatchObject({ memories: 1, skipped: 0 });
    await using restored = open();
    expect([...(await all(restored)).values()].map(({ text }) => text)).toEqual(["keep me"]);
    expect((await restored.status()).journal.deletes).toBe(1);
    await restored.settle();
    expect((await restored.status()).journal).toEqual({ pushes: 0, deletes: 0, failed: 0 });
    // A second restore finds the copy gone: directory, memory and tombstone are all that is left there.
    const again = await run(phrase, join(bench.home, "..", "again"));
    expect(again.miners.map(({ records }) => records)).toEqual([3, 3, 3]);
  });

  test("what a lying miner changed or moved is left out and counted, and the honest one's copy comes back", async () => {
    await using honest = await ReferenceMinerStub.start({ caps: ["private1"] });
    await using liar = await ReferenceMinerStub.start({ caps: ["private1"], tamper: true });
    const list = [honest, liar].map(({ entry }) => entry).join(",");
    const options = { home: bench.home, log: quiet, embedder: new TestEmbedder(), miners: list };
    {
      await using client = openEngram(options);
      await client.store({ items: [{ text: "first" }, { text: "second" }] });
      await client.store({ items: [{ text: "third" }], namespace: "elsewhere" });
      await client.settle();
    }
    const phrase = await phraseOf(bench.home);
    await rm(bench.home, { recursive: true });
    const result = await restore({ ...options, phrase });
    expect(result).toMatchObject({ memories: 3, namespaces: 2, skipped: 5 });
    expect(result.miners).toMatchObject([{ skipped: 0 }, { skipped: 5 }]);
    await using client = openEngram(options);
    expect([...(await all(client)).values()].map(({ text }) => text).sort()).toEqual(["first", "second", "third"]);
  });

  test("a home with another wallet is refused and left alone; running it twice changes nothing", async () => {
    const { kept } = await fill();
    const phrase = await phraseOf(bench.home);
    const other = join(bench.home, "..", "other");
    const stranger = await openWallet(walletFolder(other));
    await expect(run(phrase, other)).rejects.toMatchObject({ code: "WALLET_EXISTS" });
    expect((await openWallet(walletFolder(other))).hotkey).toBe(stranger.hotkey);
    const home = join(bench.home, "..", "again");
    expect((await run(phrase, home)).memories).toBe(kept.size);
    expect((await run(phrase, home)).memories).toBe(0);
    await using client = open(home);
    expect(await all(client)).toEqual(kept);
  });

  test("without a reachable miner it says what to do", async () => {
    const phrase = await phraseOf(bench.home);
    for (const index of miners.miners.keys()) await miners.stop(index);
    await expect(run(phrase)).rejects.toMatchObject({ code: "MINERS_UNREACHABLE" });
  });
});
