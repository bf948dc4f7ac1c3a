import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { EmbeddedVectorStore } from "../../src/node/vectors/embedded/embedded-vector-store.ts";
import { quantile, type Result, result } from "../report.ts";
import { withTemporaryFolder } from "../temporary-folder.ts";

const SECONDS = 5;
const BATCH = 1_000;
const READERS = 4;
const SPACE = "space";

interface Load {
  readonly reads: readonly number[];
  readonly writes: readonly number[];
  readonly lag: number;
}

/** Searches of a store by four readers, alone and while records are stored one by one, each fsynced; no query waits for a disk. */
export async function readsWhileWriting(vectors: Float32Array, dim: number): Promise<readonly Result[]> {
  const rows = vectors.length / dim;
  const vector = (row: number) => vectors.slice((row % rows) * dim, ((row % rows) + 1) * dim);
  return withTemporaryFolder(async (folder) => {
    await using store = new EmbeddedVectorStore({ path: join(folder, "records.db") });
    const record = (row: number) => ({
      ...{ namespace: SPACE, cid: `v1::${row}`, embedding: vector(row), metadata: `{"n":${row}}` },
      ...{ ingestedBy: null, createdAt: row, expiresAt: null },
    });
    for (let from = 0; from < rows; from += BATCH) {
      await store.put(Array.from({ length: Math.min(BATCH, rows - from) }, (_, i) => record(from + i)));
    }
    const search = (row: number) => store.search({ namespace: SPACE, vector: vector(row), limit: 10, now: 0 });
    const began = performance.now();
    await search(0);
    const first = performance.now() - began;
    await search(1);

    let written = rows;
    const load = async (readers: number, writers: number): Promise<Load> => {
      const until = performance.now() + SECONDS * 1_000;
      const repeat = async (act: () => Promise<unknown>, times: number[]) => {
        for (let from = performance.now(); from < until; from = performance.now()) {
          await act();
          times.push(performance.now() - from);
        }
      };
      const reads: number[] = [];
      const writes: number[] = [];
      const delay = monitorEventLoopDelay({ resolution: 1 });
      delay.enable();
      await Promise.all([
        ...Array.from({ length: readers }, (_, i) => repeat(() => search(reads.length * 7 + i), reads)),
        ...Array.from({ length: writers }, () => repeat(() => store.put([record(written++)]), writes)),
      ]);
      delay.disable();
      return { reads, writes, lag: delay.percentile(99) / 1e6 };
    };
    const alone = await load(READERS, 0);
    const writing = await load(0, 1);
    const both = await load(READERS, 1);
    const reading = (share: number) => ({ name: "the same without writes", value: quantile(alone.reads, share) });
    return [
      result(`first search of a store with ${rows} rows, filling the index`, "ms", first, reading(0.5)),
      result("searches during durable writes", "1/s", both.reads.length / SECONDS, {
        name: "without writes",
        value: alone.reads.length / SECONDS,
      }),
      result("searches during durable writes, p50", "ms", quantile(both.reads, 0.5), reading(0.5)),
      result("searches during durable writes, p99", "ms", quantile(both.reads, 0.99), reading(0.99)),
      result("durable writes during searches, one fsync each", "1/s", both.writes.length / SECONDS, {
        name: "without searches",
        value: writing.writes.length / SECONDS,
      }),
      result("event loop lag p99 during both", "ms", both.lag, { name: "searches alone", value: alone.lag }),
    ];
  });
}
