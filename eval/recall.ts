import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { EngramRecaller } from "./engram-recaller.ts";
import { Bm25Baseline, VectorBaseline } from "./recall-baselines.ts";
import { readConversations } from "./recall-data.ts";
import { type Measured, measure, type Recaller } from "./recall-measure.ts";

const { values, positionals } = parseArgs({
  options: { json: { type: "boolean", default: false } },
  allowPositionals: true,
});
const [file] = positionals;
if (file === undefined || positionals.length > 1) {
  process.stderr.write("usage: npm run eval:recall -- FILE [--json]\n");
  process.exit(2);
}

const conversations = readConversations(file);
const home = await mkdtemp(join(tmpdir(), "engram-eval-"));
try {
  const [vector, bm25, engram] = await Promise.all([
    run(async () => new VectorBaseline()),
    run(async () => new Bm25Baseline()),
    run(() => EngramRecaller.start(join(home, "engram"))),
  ]);
  if (values.json) process.stdout.write(`${JSON.stringify({ vector, bm25, engram, questions: engram.questions })}\n`);
  else process.stdout.write(table({ vector, bm25, engram }));
} finally {
  await rm(home, { recursive: true, force: true });
}

async function run(start: () => Promise<Recaller>): Promise<Measured> {
  await using recaller = await start();
  return await measure(recaller, conversations);
}

function table(all: Readonly<Record<string, Measured>>): string {
  const lines = [row("", "questions", "R@5", "R@10", "MRR@10")];
  for (const [name, measured] of Object.entries(all)) {
    for (const [category, one] of [["", measured] as const, ...Object.entries(measured.categories)]) {
      const label = category === "" ? name : `  category ${category}`;
      lines.push(row(label, String(one.questions), ...[one.r5, one.r10, one.mrr10].map((share) => share.toFixed(3))));
    }
  }
  return `${lines.join("\n")}\n`;
}

function row(label: string, ...cells: readonly string[]): string {
  return label.padEnd(16) + cells.map((cell) => cell.padStart(10)).join("");
}
