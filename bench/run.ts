// `npm run bench [-- --json | --markdown] [--only NAME]`: each figure beside a baseline measured in the same run.
import { parseArgs } from "node:util";
import { capacity } from "./cases/capacity.ts";
import { coldStart } from "./cases/cold-start.ts";
import { durableStores } from "./cases/durable-stores.ts";
import { eventLoop } from "./cases/event-loop.ts";
import { gateway } from "./cases/gateway.ts";
import { minerHttp } from "./cases/miner-http.ts";
import { proofs } from "./cases/proofs.ts";
import { scan, scanMillion } from "./cases/scan.ts";
import { signatures } from "./cases/signatures.ts";
import { stdioReads } from "./cases/stdio-reads.ts";
import { validatorRound } from "./cases/validator-round.ts";
import { writeMarkdown } from "./markdown.ts";
import { type Result, report } from "./report.ts";

const CASES: Readonly<Record<string, () => Promise<readonly Result[]>>> = {
  capacity,
  "cold-start": coldStart,
  "durable-stores": durableStores,
  "event-loop": eventLoop,
  gateway,
  "miner-http": () => minerHttp(),
  proofs,
  scan: () => scan(),
  "scan-million": () => scanMillion(),
  signatures,
  "stdio-reads": stdioReads,
  "validator-round": validatorRound,
};

/** Takes gigabytes: run by its name alone. */
const BY_NAME = new Set(["scan-million"]);

const { values } = parseArgs({
  options: { json: { type: "boolean" }, markdown: { type: "boolean" }, only: { type: "string" } },
});
const chosen = Object.entries(CASES).filter(([name]) =>
  values.only === undefined ? !BY_NAME.has(name) : name === values.only,
);
if (chosen.length === 0) {
  process.stderr.write(`no case is called ${values.only}; there are ${Object.keys(CASES).join(", ")}\n`);
  process.exitCode = 2;
}

const byCase: (readonly [name: string, results: readonly Result[]])[] = [];
for (const [name, run] of chosen) {
  process.stderr.write(`${name} …\n`);
  byCase.push([name, await run()]);
}
const results = byCase.flatMap(([, found]) => found);

const { machine } = report(results);
if (values.json) {
  process.stdout.write(`${JSON.stringify(report(results))}\n`);
} else if (values.markdown) {
  await writeMarkdown(machine, byCase);
} else if (results.length > 0) {
  process.stdout.write(`${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, Node ${machine.node}\n`);
  for (const { name, unit, value, baseline, ratio } of results) {
    process.stdout.write(`${name}: ${value} ${unit} (${baseline.name}: ${baseline.value} ${unit}; ratio ${ratio})\n`);
  }
}
