import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type Held, InspectedMiner } from "./soak/inspected-miner.ts";
import { type Point, slopeOf } from "./soak/slope.ts";
import { SoakLoad } from "./soak/soak-load.ts";
import { withTemporaryFolder } from "./temporary-folder.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { connections: { type: "string", default: "4" } },
});
/** `npm run soak`, or `npm run soak -- 10` for ten minutes. */
const minutes = Number(positionals[0] ?? 120);
const connections = Number(values.connections);

/** Before this part of the run caches fill: minute 4 of ten. */
const WARM_UP = 0.4;
const MB = 1e6;
const LIMITS = { grownMb: 5, slopeMbPerHour: 1 };
const MAX_SAMPLES = 60;
const LEAST_SECONDS = 10;

/** After the connections were closed the miner's end of them goes within moments. */
async function measureAtRest(miner: InspectedMiner, load: SoakLoad): Promise<Held> {
  await load.pause();
  let before = -1;
  while (before !== miner.descriptors()) {
    before = miner.descriptors();
    await setTimeout(250);
  }
  const held = await miner.measure();
  load.start();
  return held;
}

const say = (line: string) => process.stdout.write(`${line}\n`);
const mb = (bytes: number) => (bytes / MB).toFixed(2);

async function soak(folder: string): Promise<boolean> {
  await using miner = await InspectedMiner.start(folder);
  await using load = await SoakLoad.create(miner.url, connections);
  load.start();
  const began = performance.now();
  const total = minutes * 60_000;
  const samples = Math.max(5, Math.min(MAX_SAMPLES, Math.floor((minutes * 60) / LEAST_SECONDS)));
  const points: Point[] = [];
  let warm: Held | undefined;
  let last: Held | undefined;
  for (let sample = 1; sample <= samples; sample++) {
    await setTimeout(Math.max(0, began + (total * sample) / samples - performance.now()));
    const held = await measureAtRest(miner, load);
    const at = (performance.now() - began) / 3_600_000;
    const isWarm = sample >= samples * WARM_UP;
    if (isWarm) points.push({ at, value: held.heap / MB });
    if (isWarm) warm ??= held;
    last = held;
    const requests = Object.entries(load.counts).map(([name, count]) => `${name} ${count}`);
    const state = `heap ${mb(held.heap)} MB (${held.heaps.map(mb).join(" + ")})  rss ${mb(held.rss)} MB  descriptors ${held.descriptors}`;
    say(`${(at * 60).toFixed(1).padStart(6)} min  ${state}  ${requests.join("  ")}`);
  }
  return warm !== undefined && last !== undefined && judge(warm, last, points);
}

/** Prints the verdict; false when a limit was passed. */
function judge(warm: Held, last: Held, points: readonly Point[]): boolean {
  const { perUnit, margin } = slopeOf(points);
  const grown = (last.heap - warm.heap) / MB;
  const checks: readonly (readonly [string, boolean])[] = [
    [`heap grew ${grown.toFixed(2)} MB after the warm-up (limit ${LIMITS.grownMb})`, grown < LIMITS.grownMb],
    [`descriptors ${warm.descriptors} then, ${last.descriptors} now`, warm.descriptors === last.descriptors],
    [
      `heap slope ${perUnit.toFixed(2)} ± ${margin.toFixed(2)} MB/h (95 %; judged in runs of an hour, limit ${LIMITS.slopeMbPerHour})`,
      minutes < 60 || perUnit - margin < LIMITS.slopeMbPerHour,
    ],
  ];
  for (const [text, good] of checks) say(`${good ? "good" : "BAD "}  ${text}`);
  return checks.every(([, good]) => good);
}

if (!(minutes > 0) || !Number.isInteger(connections) || connections < 1) {
  throw new Error("usage: npm run soak -- [MINUTES] [--connections COUNT]");
}
process.exitCode = (await withTemporaryFolder(soak)) ? 0 : 1;
