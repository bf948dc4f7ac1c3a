import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { openBenchClient } from "../bench-client.ts";
import { fact } from "../facts.ts";
import { type Result, result } from "../report.ts";
import { withTemporaryFolder } from "../temporary-folder.ts";

const SECONDS = 5;
const WRITERS = 16;

async function lagDuring(work: () => Promise<unknown>): Promise<number> {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  await work();
  histogram.disable();
  return histogram.percentile(99) / 1e6;
}

/** 99th percentile of the event loop's lag while 16 writers store and vectors are computed, beside doing nothing. */
export async function eventLoop(): Promise<Result[]> {
  return withTemporaryFolder(async (folder) => {
    await using client = await openBenchClient(folder);
    await client.store({ items: [{ text: "warm" }], session: "warm" });
    await client.query({ query: "warm" });
    const idle = await lagDuring(() => delay(SECONDS * 1_000));
    let stored = 0;
    const until = performance.now() + SECONDS * 1_000;
    const write = async () => {
      while (performance.now() < until) {
        const index = stored;
        stored += 1;
        await client.store({ items: [{ text: fact(index) }], session: `s${index % 50}` });
        // An agent's pace: a writer that never pauses measures the scheduler, not the server.
        await delay(20);
      }
    };
    const busy = await lagDuring(() => Promise.all(Array.from({ length: WRITERS }, write)));
    return [result("event loop lag p99 while storing and embedding", "ms", busy, { name: "idle server", value: idle })];
  });
}
