import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { MemoryClient } from "../../src/node/client/memory.ts";
import { openEngram } from "../../src/node/open-engram.ts";
import type { Embedder } from "../../src/node/ports.ts";
import { loadKernel } from "../../src/node/vectors/scan/kernel.ts";
import { KernelIndex } from "../../src/node/vectors/scan/kernel-index.ts";
import { quiet } from "../../test/support/client-bench.ts";
import { TcpMiners } from "../../test/support/tcp-miners.ts";
import { fact } from "../facts.ts";
import { unitVector } from "../random-vectors.ts";
import { quantile, type Result, result } from "../report.ts";
import { topicalVectors } from "../scan/topical-vectors.ts";
import { withTemporaryFolder } from "../temporary-folder.ts";

const MEMORIES = 1_000;
const GROUP = 50;
const DIM = 512;
const ROWS = 100_000;
const SEARCHES = 40;
const GB = 1e9;

/**
 * What a gigabyte holds, what a core answers and what three copies cost: the rows of the capacity table. Texts have some
 * 250 characters, vectors 512 numbers; random ones stand in for the model's, which takes some 10 ms a text.
 */
export async function capacity(): Promise<readonly Result[]> {
  return [...(await stored()), ...search()];
}

async function stored(): Promise<readonly Result[]> {
  const alone = await withTemporaryFolder(async (home) => storedIn(home, undefined));
  return withTemporaryFolder(async (home) => {
    await using miners = await TcpMiners.start(3, quiet, randomEmbedder);
    const replicated = await storedIn(home, miners.list);
    const [folder = ""] = miners.folders;
    await miners.stop(0);
    const minerBytes = (await sizeOf(folder)) / MEMORIES;
    const bare = textOf(0).length + DIM * 4;
    const bareName = { name: "its text and vector alone", value: GB / bare };
    return [
      result("capacity: memories in a GB of a client's disk", "memories", GB / alone.bytes, bareName),
      result("capacity: records in a GB of a miner's disk", "records", GB / minerBytes, bareName),
      result("capacity: memories stored and held by three miners", "1/s", replicated.rate, {
        name: "stored here alone",
        value: alone.rate,
      }),
    ];
  });
}

/** Takes no time, so that what is measured is everything else. */
function randomEmbedder(): Embedder {
  let embedded = 0;
  const next = () => {
    embedded += 1;
    return Float32Array.from(unitVector(embedded, DIM));
  };
  return {
    profile: { model: "random", dim: DIM, normalized: true },
    embed: async (texts) => texts.map(next),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** Bytes a memory takes in `home`, and memories a second until every copy is where it belongs. */
async function storedIn(home: string, miners: string | undefined) {
  const options = { home, log: quiet, embedder: randomEmbedder() };
  const began = performance.now();
  {
    await using client: MemoryClient = openEngram(miners === undefined ? options : { ...options, miners });
    for (let from = 0; from < MEMORIES; from += GROUP) {
      const items = Array.from({ length: GROUP }, (_, at) => ({ text: textOf(from + at) }));
      await client.store({ items, session: `s${from}` });
    }
    await client.settle();
  }
  const rate = MEMORIES / ((performance.now() - began) / 1_000);
  return { rate, bytes: (await sizeOf(home, (name) => !name.startsWith("records"))) / MEMORIES };
}

/** Without the embedded miner's copy, which only a home without miners has. */
async function sizeOf(folder: string, counts: (name: string) => boolean = () => true): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && counts(entry.name));
  const sizes = await Promise.all(files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

function textOf(index: number): string {
  return Array.from({ length: 5 }, (_, part) => fact(index * 5 + part)).join(". ");
}

function search(): readonly Result[] {
  const load = loadKernel();
  if (typeof load !== "function") throw new Error(`the kernel does not run here: ${load.missing}`);
  const memories: WebAssembly.Memory[] = [];
  const index = new KernelIndex({ dim: DIM }, (first, most) => {
    const instance = load(first, most);
    memories.push(instance.memory);
    return instance;
  });
  const vectors = topicalVectors(ROWS, DIM);
  for (let row = 0; row < ROWS; row += 1) index.add(row, vectors.subarray(row * DIM, (row + 1) * DIM));
  const queries = topicalVectors(SEARCHES + 1, DIM, 7);
  const times: number[] = [];
  for (let at = 0; at <= SEARCHES; at += 1) {
    const began = performance.now();
    index.top(queries.subarray(at * DIM, (at + 1) * DIM), 10);
    // The first one makes the codes.
    if (at > 0) times.push(performance.now() - began);
  }
  const bytes = memories.reduce((sum, memory) => sum + memory.buffer.byteLength, 0) / ROWS;
  return [
    result("capacity: records in a GB of a miner's memory", "records", GB / bytes, {
      name: "its numbers alone",
      value: GB / (DIM * 4),
    }),
    result("capacity: searches of 100,000 records by one core", "1/s", 1_000 / quantile(times, 0.5), {
      name: "one a millisecond",
      value: 1_000,
    }),
  ];
}
