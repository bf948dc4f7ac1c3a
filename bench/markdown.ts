import { readFile, writeFile } from "node:fs/promises";
import type { Report, Result } from "./report.ts";

const FILE = new URL("../docs/benchmarks.md", import.meta.url);

const HEAD = `# Benchmarks

Written by \`npm run bench -- --markdown\`; with \`--only NAME\` one section is measured anew and the others stay. Each figure
stands beside a baseline that was taken in the same run: a bare library, another product, or the machine's limit. The ratio
is figure divided by baseline, whichever direction is better. Other machines have other figures; ratios travel better.
`;

/** Writes the sections of the cases that ran into docs/benchmarks.md; what did not run now stays as it is. */
export async function writeMarkdown(
  machine: Report["machine"],
  cases: readonly (readonly [name: string, results: readonly Result[]])[],
): Promise<void> {
  const sections = sectionsOf(await readFile(FILE, "utf8").catch(() => ""));
  for (const [name, results] of cases) sections.set(name, sectionOf(name, machine, results));
  const texts = [...sections].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, text]) => text);
  await writeFile(FILE, `${[HEAD, ...texts].join("\n")}`);
}

/** The sections of the file as it is, by their case. */
function sectionsOf(text: string): Map<string, string> {
  const parts = text.split(/^(?=## )/m).filter((part) => part.startsWith("## "));
  return new Map(parts.map((part) => [/^## (\S+)/.exec(part)?.[1] ?? "", `${part.trimEnd()}\n`]));
}

function sectionOf(name: string, machine: Report["machine"], results: readonly Result[]): string {
  const { cpu, cores, memoryGb, node } = machine;
  const day = new Date().toISOString().slice(0, 10);
  return [
    `## ${name}`,
    "",
    `\`npm run bench -- --only ${name}\`, ${day}, ${cpu}, ${cores} cores, ${memoryGb} GB, Node ${node}`,
    "",
    "| figure | value | baseline | value | ratio |",
    "| --- | ---: | --- | ---: | ---: |",
    ...results.map(({ name: figure, unit, value, baseline, ratio }) => {
      const cells = [
        figure,
        `${shown(value)} ${unit}`,
        baseline.name,
        `${shown(baseline.value)} ${unit}`,
        shown(ratio),
      ];
      return `| ${cells.map((cell) => cell.replaceAll("|", "\\|").trim()).join(" | ")} |`;
    }),
    "",
  ].join("\n");
}

function shown(value: number): string {
  return value.toLocaleString("en", { maximumSignificantDigits: 4 });
}
