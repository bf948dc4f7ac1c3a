import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openEngram } from "../../src/node/open-engram.ts";
import { ClientBench, quiet } from "../support/client-bench.ts";
import { ReferenceMinerStub } from "../support/reference-miner-stub.ts";
import { TcpMiners } from "../support/tcp-miners.ts";
import { TestEmbedder } from "../support/test-embedder.ts";

let bench: ClientBench;
beforeEach(async () => {
  bench = await ClientBench.make();
});
afterEach(() => bench[Symbol.asyncDispose]());

function open(miners: string) {
  return openEngram({ home: bench.home, log: quiet, embedder: new TestEmbedder(), miners });
}

const texts = ["the ferry to the island leaves at noon", "copper pans want gentle heat"];

async function publish(client: ReturnType<typeof open>, items: readonly string[]): Promise<readonly string[]> {
  const { stored } = await client.store({ items: items.map((text) => ({ text })), public: true });
  return stored.map(({ id }) => id);
}

describe("evidence of public memories", () => {
  test("is what miners show just now, also of memories stored a moment ago, best first", async () => {
    await using miners = await TcpMiners.start(3);
    await using client = open(miners.list);
    const ids = await publish(client, texts);
    const named = await client.publicEvidence({ ids });
    expect(named.map(({ memory, score }) => [memory.id, memory.text, score])).toEqual(
      ids.map((id, index) => [id, texts[index], 1]),
    );
    await client.settle();
    const ranked = await client.publicEvidence({ ids, query: "how hot for copper pans" });
    expect(ranked.map(({ memory }) => memory.text)).toEqual(texts.toReversed());
    expect(ranked[0]?.score).toBeGreaterThan(ranked[1]?.score ?? 1);
    for (const { cid, miners: holders, tier } of ranked) {
      expect(tier).toBe("anonymous");
      expect(holders.toSorted()).toEqual(miners.miners.map(({ hotkey }) => hotkey).toSorted());
      const shown = await fetch(`${miners.miners[0]?.url}/retrieve/${encodeURIComponent(cid)}`);
      expect(await shown.json()).toMatchObject({ cid });
    }
    await miners.stop(0);
    expect((await client.publicEvidence({ ids: ids.slice(0, 1) }))[0]?.miners).toHaveLength(2);
  });

  test("a long memory is shown record by record, and together they are its text", async () => {
    await using miners = await TcpMiners.start(2);
    await using client = open(miners.list);
    const long = Array.from({ length: 200 }, (_, index) => `The lighthouse keeper wrote line ${index}.`).join(" ");
    const evidence = await client.publicEvidence({ ids: await publish(client, [long]) });
    expect(evidence.length).toBeGreaterThan(1);
    expect(evidence.map(({ memory }) => memory.text).join("")).toBe(long);
    expect(new Set(evidence.map(({ cid }) => cid)).size).toBe(evidence.length);
  });

  test("private and unknown memories, and those that no miner shows, are refused by name", async () => {
    await using miners = await TcpMiners.start(1);
    await using client = open(miners.list);
    const [open1 = ""] = await publish(client, texts.slice(0, 1));
    const { stored } = await client.store({ items: [{ text: "mine alone" }] });
    const hidden = stored[0]?.id ?? "";
    await expect(client.publicEvidence({ ids: [open1, hidden] })).rejects.toMatchObject({
      code: "MEMORY_PRIVATE",
      message: expect.stringContaining(hidden),
      fix: expect.stringContaining("public: true"),
    });
    await expect(client.publicEvidence({ ids: ["m_aaaaaaaaaaaaaaaa"] })).rejects.toMatchObject({
      code: "MEMORY_NOT_FOUND",
    });
    await client.settle();
    await miners.stop(0);
    await expect(client.publicEvidence({ ids: [open1] })).rejects.toMatchObject({ code: "MEMORY_NOT_HELD" });
  });

  test("a miner that shows something else under the CID is no evidence", async () => {
    const lie = { text: "the ferry is cancelled", author: "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY" };
    await using liar = await ReferenceMinerStub.start({
      misbehave: (path) =>
        path.startsWith("/retrieve/")
          ? Response.json({ cid: decodeURIComponent(path.slice("/retrieve/".length)), metadata: lie })
          : undefined,
    });
    await using client = open(liar.entry);
    const ids = await publish(client, texts.slice(0, 1));
    await client.settle();
    await expect(client.publicEvidence({ ids })).rejects.toMatchObject({ code: "MEMORY_NOT_HELD" });
  });

  test("the miner of this very folder is no evidence", async () => {
    await using client = open("");
    const ids = await publish(client, texts.slice(0, 1));
    await client.settle();
    await expect(client.publicEvidence({ ids })).rejects.toMatchObject({ code: "MEMORY_NOT_HELD" });
  });
});
