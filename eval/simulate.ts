// `npm run simulate -- --miners N --memories M`: how evenly the product's placement spreads records, what repair moves, and
// what validators and miners have to do, at sizes that no machine here can run.
import { parseArgs } from "node:util";
import { z } from "zod";
import { DEFAULTS, SENTENCES } from "./simulation/assumptions.ts";
import {
  type Balance,
  checkPlacement,
  movedRecords,
  placementBalance,
  simulatedMiners,
} from "./simulation/placement-balance.ts";
import { type SubnetLoad, subnetLoad } from "./simulation/subnet-load.ts";

const CHECKED = 50;
const whole = (most: number) => z.coerce.number().int().min(1).max(most);
const optionsSchema = z.object({
  miners: whole(10_000).default(256),
  memories: whole(1e12).default(1e6),
  validators: whole(4_096).default(DEFAULTS.validators),
  leaving: z.coerce.number().min(0).max(0.5).default(DEFAULTS.leaving),
  "disk-bytes": whole(1e7).default(DEFAULTS.diskBytes),
  "memory-bytes": whole(1e7).default(DEFAULTS.memoryBytes),
  tracked: whole(1e9).default(DEFAULTS.tracked),
  "answer-ms": whole(60_000).default(DEFAULTS.answerMs),
  stake: z.enum(["equal", "zipf"]).default("zipf"),
  samples: whole(10_000_000).default(100_000),
});

const text = { type: "string" } as const;
const names = Object.keys(optionsSchema.shape);
const { values } = parseArgs({
  options: { json: { type: "boolean" }, ...Object.fromEntries(names.map((name) => [name, text])) },
});
const { json, ...given } = values as Record<string, unknown>;
const read = optionsSchema.safeParse(given);
if (!read.success) {
  process.stderr.write(`${z.prettifyError(read.error)}\n`);
  process.exit(2);
}
const options = read.data;

const { miners: count, memories, validators, leaving, tracked, stake, samples } = options;
const [diskBytes, memoryBytes, answerMs] = [options["disk-bytes"], options["memory-bytes"], options["answer-ms"]];
const miners = simulatedMiners(count, stake);
checkPlacement(miners, CHECKED);
const balance = placementBalance(miners, samples);
const newcomers = simulatedMiners(count * 2, stake).slice(count);
const every = leaving === 0 ? Infinity : Math.max(1, Math.round(1 / leaving));
const tomorrow = miners.map((miner, at) =>
  at % every === every - 1 ? { ...miner, hotkey: newcomers[at]?.hotkey ?? miner.hotkey } : miner,
);
const moved = movedRecords(miners, tomorrow, Math.min(samples, 50_000));
const assumptions = { miners: count, memories, validators, leaving, diskBytes, memoryBytes, tracked, answerMs };
const load = subnetLoad(assumptions, balance, moved);

if (json) {
  const result = { assumptions: { ...assumptions, stake, samples, sentences: SENTENCES }, balance, moved, load };
  process.stdout.write(`${JSON.stringify(result)}\n`);
} else {
  process.stdout.write(`${describe(balance, load)}\n`);
}

function describe(placed: Balance, carried: SubnetLoad): string {
  const number = (value: number) => value.toLocaleString("en", { maximumSignificantDigits: 3 });
  const { diskGb, memoryGb, repair, validator } = carried;
  return [
    `${number(memories)} memories on ${number(count)} miners, ${stake} stakes, ${number(samples)} records placed`,
    ...SENTENCES.map((sentence) => `  assumed: ${sentence}`),
    `  assumed: ${number(diskBytes)} bytes a record on disk, ${number(memoryBytes)} in memory; ${number(leaving * 100)} % leave a day`,
    "",
    `share of the mean   median ${number(placed.median)}, 99 % below ${number(placed.p99)}, most ${number(placed.most)}, deviation ${number(placed.deviation)}`,
    `disk of a miner     ${number(diskGb.mean)} GB on average, ${number(diskGb.most)} GB the fullest`,
    `memory of a miner   ${number(memoryGb.mean)} GB on average, ${number(memoryGb.most)} GB the fullest (or Qdrant)`,
    `repair              ${number(repair.copiesADay)} copies, ${number(repair.gbADay)} GB a day; ${number(repair.mbitASecond)} Mbit/s for each miner`,
    `a validator's round ${number(validator.requestsARound)} requests; the timed half ${number(validator.timedSeconds)} s of ${number(validator.roundSeconds)} s`,
    `a validator's sweep ${number(tracked)} records it knows in ${number(validator.sweepDays)} days (due after ${number(validator.recheckDays)})`,
    `asked of a miner    ${number(carried.minerRequestsASecond)} requests a second by ${number(validators)} validators`,
  ].join("\n");
}
