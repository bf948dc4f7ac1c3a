import { parseArgs } from "node:util";
import { type FileReport, verifyFolder } from "./verify.ts";

// npm run vectors -- DIR [--all]: verifies every vector file of DIR against the product's own modules.
const { values, positionals } = parseArgs({ allowPositionals: true, options: { all: { type: "boolean" } } });
const [folder] = positionals;
if (folder === undefined || positionals.length > 1) {
  process.stderr.write("usage: npm run vectors -- DIR [--all]\n");
  process.exit(2);
}

const reports = await verifyFolder(folder);
const total = (count: (report: FileReport) => number) => reports.reduce((sum, report) => sum + count(report), 0);
for (const report of reports) print(report);
const passed = total((report) => report.exact + report.deviated);
const failed = total((report) => report.failures.length + (values.all ? report.unknown : 0));
if (reports.length === 0) process.stderr.write(`no vector file in ${folder}\n`);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 || reports.length === 0 ? 1 : 0;

function print(report: FileReport): void {
  const { file, kind, exact, deviated, failures, unknown, deviationNotes } = report;
  const counts = `exact ${exact}, deviated ${deviated}, failed ${failures.length}, unknown kind ${unknown}`;
  process.stdout.write(`${file} (${kind}): ${counts}\n`);
  for (const note of deviationNotes) process.stdout.write(`  deviated ${note}\n`);
  for (const failure of failures) process.stdout.write(`  FAILED ${failure}\n`);
}
