import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openEngram } from "../../src/node/open-engram.ts";
import { ClientBench, quiet } from "../support/client-bench.ts";
import { ReferenceMinerStub } from "../support/reference-miner-stub.ts";
import { TcpMiners } from "../support/tcp-miners.ts";
import { TestEmbedder } from "../support/test-embedder.ts";

let author: ClientBench;
let reader: ClientBench;
beforeEach(async () => {
  author = await ClientBench.make();
  reader = await ClientBench.make();
});
afterEach(async () => {
  await author[Symbol.asyncDispose]();
  await reader[Symbol.asyncDispose]();
});

function open(bench: ClientBench, miners: string) {
  return openEngram({ home: bench.home, log: quiet, embedder: new TestEmbedder(), miners });
}

describe("what others published", () => {
  test("is found over the miners with its proved owner, once, and gone after its author deleted it", async () => {
    await using miners = await TcpMiners.start(3);
    await using writing = open(author, miners.list);
    const { stored } = await writing.store({
      items: [
        { text: "the ferry to the island leaves at noon", metadata: { topic: "travel" } },
        { text: "copper pans want gentle heat", metadata: { topic: "kitchen" } },
      ],
      public: true,
    });
    await writing.settle();
    const owner = (await writing.status()).hotkey;

    await using reading = open(reader, miners.list);
    const ask = () => reading.query({ query: "when does the ferry to the island leave", scope: "public" });
    const { hits } = await ask();
    expect(hits[0]).toMatchObject({
      id: stored[0]?.id,
      text: "the ferry to the island leaves at noon",
      owner,
      tier: "anonymous",
      namespace: "public",
      visibility: "public",
      metadata: { topic: "travel" },
    });
    expect(hits.filter(({ id }) => id === stored[0]?.id)).toHaveLength(1);

    await miners.stop(0);
    expect((await ask()).hits[0]?.id).toBe(stored[0]?.id);

    await writing.delete({ ids: [stored[0]?.id ?? ""] });
    await writing.settle();
    expect((await ask()).hits.map(({ id }) => id)).not.toContain(stored[0]?.id);
  });

  test("claims its owner only by a signature; a lying miner's hit is nobody's", async () => {
    const lie = {
      text: "the ferry is cancelled",
      author: "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
      author_sig: "0x00",
    };
    const results = [{ cid: `v1::${"a".repeat(64)}`, score: 99, metadata: lie, trust_tier: "sovereign" }];
    await using liar = await ReferenceMinerStub.start({
      misbehave: (path) =>
        path === "/QuerySynapse" ? Response.json({ results, latency_ms: 1, error: null }) : undefined,
    });
    await using reading = open(reader, liar.entry);
    const { hits } = await reading.query({ query: "is the ferry cancelled", scope: "public" });
    expect(hits).toHaveLength(1);
    expect(hits[0]).toMatchObject({ text: "the ferry is cancelled", tier: "anonymous" });
    expect(hits[0]?.owner).toBeUndefined();
    expect(hits[0]?.score).toBeLessThanOrEqual(1);
    // A reference miner's index is of another model: it was asked in words.
    expect(liar.requests[0]?.body).toContain('"query_text"');
  });

  test("without an answering miner there is simply nothing", async () => {
    await using miners = await TcpMiners.start(1);
    const { list } = miners;
    await miners.stop(0);
    await using reading = open(reader, list);
    expect((await reading.query({ query: "anything at all", scope: "public" })).hits).toEqual([]);
  });
});
