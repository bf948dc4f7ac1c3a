import { setTimeout as delay } from "node:timers/promises";
import { quantile, type Result, result } from "../report.ts";
import { StdioClient } from "../stdio-client.ts";
import { withTemporaryFolder } from "../temporary-folder.ts";

const RUNS = 9;
const SETTLE_MS = 1_500;

interface Sample {
  readonly listMs: number;
  readonly idleMb: number;
}

async function start(command: readonly string[], home: string, settleMs: number): Promise<Sample> {
  const began = performance.now();
  await using client = new StdioClient(command, { ENGRAM_HOME: home });
  await client.initialize();
  await client.request("tools/list", {});
  const listMs = performance.now() - began;
  await delay(settleMs);
  return { listMs, idleMb: client.residentMb() };
}

/** From process start to the answer of tools/list, and memory once idle; both servers in turn. */
export async function coldStart(): Promise<Result[]> {
  return withTemporaryFolder(async (home) => {
    const ours = [process.execPath, "bin/engram.js", "mcp"];
    const bare = [process.execPath, "bench/baselines/bare-sdk-server.ts"];
    const samples: { ours: Sample[]; bare: Sample[] } = { ours: [], bare: [] };
    for (let run = 0; run <= RUNS; run += 1) {
      const settleMs = run === RUNS ? SETTLE_MS : 0;
      const pair = { ours: await start(ours, home, settleMs), bare: await start(bare, home, settleMs) };
      if (run === 0) continue; // the first pair fills the compile cache
      samples.ours.push(pair.ours);
      samples.bare.push(pair.bare);
    }
    const median = (list: readonly Sample[]) =>
      quantile(
        list.map((sample) => sample.listMs),
        0.5,
      );
    const idle = (list: readonly Sample[]) => list.at(-1)?.idleMb ?? Number.NaN;
    const name = "bare SDK server";
    return [
      result("cold start to tools/list", "ms", median(samples.ours), { name, value: median(samples.bare) }),
      result("idle memory", "MB", idle(samples.ours), { name, value: idle(samples.bare) }),
    ];
  });
}
