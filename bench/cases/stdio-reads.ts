import { createRequire } from "node:module";
import { join } from "node:path";
import { openBenchClient } from "../bench-client.ts";
import { fact } from "../facts.ts";
import { quantile, type Result, result } from "../report.ts";
import { StdioClient } from "../stdio-client.ts";
import { withTemporaryFolder } from "../temporary-folder.ts";

const MEMORIES = 10_000;
const CALLS = 200;

async function medianMs(client: StdioClient, tool: string, args: (call: number) => unknown): Promise<number> {
  const samples: number[] = [];
  for (let call = -20; call < CALLS; call += 1) {
    const began = performance.now();
    await client.call(tool, args(Math.abs(call)));
    if (call >= 0) samples.push(performance.now() - began);
  }
  return quantile(samples, 0.5);
}

async function fill(folder: string): Promise<string[]> {
  await using client = await openBenchClient(folder);
  const ids: string[] = [];
  for (let from = 0; from < MEMORIES; from += 50) {
    const items = Array.from({ length: 50 }, (_, index) => ({ text: fact(from + index) }));
    const { stored } = await client.store({ items, session: `s${from % 500}` });
    ids.push(...stored.map((memory) => memory.id));
  }
  await client.settle();
  return ids;
}

/** The reference memory server holding the same texts as observations of one entity per memory. */
async function fillReference(client: StdioClient): Promise<void> {
  for (let from = 0; from < MEMORIES; from += 500) {
    const entities = Array.from({ length: 500 }, (_, index) => ({
      name: `note-${from + index}`,
      entityType: "note",
      observations: [fact(from + index)],
    }));
    await client.call("create_entities", { entities });
  }
}

/** Median of `engram_query` and `engram_get` over stdio with 10,000 memories. */
export async function stdioReads(): Promise<Result[]> {
  return withTemporaryFolder(async (folder) => {
    const ids = await fill(join(folder, "engram"));
    await using ours = new StdioClient([process.execPath, "bin/engram.js", "mcp"], {
      ENGRAM_HOME: join(folder, "engram"),
    });
    await using bare = new StdioClient([process.execPath, "bench/baselines/bare-sdk-server.ts"]);
    const reference = createRequire(import.meta.url).resolve("@modelcontextprotocol/server-memory/dist/index.js");
    await using peer = new StdioClient([process.execPath, reference], { MEMORY_FILE_PATH: join(folder, "peer.jsonl") });
    for (const client of [ours, bare, peer]) await client.initialize();
    await fillReference(peer);

    const query = await medianMs(ours, "engram_query", (call) => ({ query: `who repaired the lamp ${call}` }));
    const keyword = await medianMs(ours, "engram_query", (call) => ({ query: `lamp ${call}`, mode: "keyword" }));
    const get = await medianMs(ours, "engram_get", (call) => ({ ids: [ids[(call * 37) % ids.length]] }));
    const echo = await medianMs(bare, "echo", () => ({ query: "x" }));
    const search = await medianMs(peer, "search_nodes", (call) => ({ query: `note ${call}` }));
    const open = await medianMs(peer, "open_nodes", (call) => ({ names: [`note-${(call * 37) % MEMORIES}`] }));
    const sdk = { name: "bare SDK call", value: echo };
    return [
      result("engram_query at 10k memories", "ms", query, sdk),
      result("engram_query at 10k memories", "ms", query, { name: "server-memory search_nodes", value: search }),
      result("engram_query, keyword, at 10k memories", "ms", keyword, sdk),
      result("engram_get at 10k memories", "ms", get, sdk),
      result("engram_get at 10k memories", "ms", get, { name: "server-memory open_nodes", value: open }),
    ];
  });
}
