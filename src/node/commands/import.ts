import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import type { Command } from "commander";
import { EngramError } from "../../crypto/errors.ts";
import type { ImportReport } from "../client/transfer/import.ts";
import { requireConsent, staysOnThisMachine } from "./consent.ts";
import { EXIT, usageError } from "./exit-codes.ts";
import { type CommonOptions, dataCommand, settle, withClient } from "./kit.ts";
import { count, print, say } from "./output.ts";
import { startProgress } from "./progress.ts";

interface Options extends CommonOptions {
  readonly namespace?: string;
}

const FORMATS = `
Reads, line by line:
  - what "engram export" wrote: one JSON object a line; by hand {"text":"…"} is enough
  - the file of the reference MCP memory server (memory.jsonl): entities and relations

Lines that cannot be stored are named and the rest is imported. Whatever is there already is left as it is, so an
interrupted import is simply run again.`;

/** `engram import`: stores the memories of a file. */
export function importCommand(): Command {
  return dataCommand("import", "store the memories of a file")
    .argument("<file>", 'the file, or "-" for standard input')
    .option("-n, --namespace <name>", "store everything into this namespace, whatever the file says")
    .addHelpText("after", FORMATS)
    .action((file: string, options: Options) =>
      withClient(options, async (client) => {
        const { importMemories } = await import("../client/transfer/import.ts");
        const interrupted = new AbortController();
        process.once("SIGINT", () => interrupted.abort()).once("SIGTERM", () => interrupted.abort());
        const { bytes, stream } = await openSource(file);
        const progress = await startProgress("importing", bytes, options);
        const report = await importMemories(
          stream,
          {
            session: file === "-" ? "import" : `import ${basename(file)}`,
            signal: interrupted.signal,
            onProgress: ({ bytes: done, report }) => progress.at(done, counts(report)),
            ...(options.namespace !== undefined && { namespace: options.namespace }),
          },
          {
            client,
            now: Date.now,
            allowPublic: async () => {
              if (await staysOnThisMachine(client)) return;
              const summary = `Publish the public memories of ${basename(file)} where everyone can read them`;
              await requireConsent(client, options, { command: "import", input: { file, bytes }, summary });
            },
          },
        ).finally(() => progress.end());
        if (!interrupted.signal.aborted) await settle(client);
        await print(options.json === true, report, (done) => describe(done));
        tellWhatIsLeft(report, interrupted.signal.aborted, options);
      }),
    );
}

async function openSource(
  file: string,
): Promise<{ readonly bytes: number | null; readonly stream: AsyncIterable<Uint8Array> }> {
  if (file === "-") {
    if (process.stdin.isTTY) throw usageError("nothing is piped in", "Name a file: engram import memories.jsonl");
    return { bytes: null, stream: process.stdin };
  }
  const found = await stat(file).catch(() => null);
  if (found === null) throw new EngramError("FILE_NOT_FOUND", `there is no file ${file}`, { fix: "Check the path." });
  if (found.isDirectory()) throw usageError(`${file} is a folder`, "Name the file itself.");
  return { bytes: found.size, stream: createReadStream(file) };
}

function counts({ stored, deduped, failed }: ImportReport): string {
  return `${stored} stored, ${deduped} already there${failed === 0 ? "" : `, ${failed} failed`}`;
}

function describe(report: ImportReport): string {
  const expired = report.expired === 0 ? "" : `, ${report.expired} already expired`;
  return `read ${count(report.lines, "line")}: ${counts(report)}${expired}`;
}

function tellWhatIsLeft(report: ImportReport, interrupted: boolean, options: Options): void {
  if (interrupted) {
    say("interrupted: run the same command again to import the rest");
    process.exitCode = EXIT.interrupted;
  } else if (report.failed > 0) {
    process.exitCode = EXIT.failure;
  }
  if (options.json) return;
  for (const { line, message } of report.badLines) say(`line ${line}: ${message}`);
  const untold = report.failed - report.badLines.length;
  if (untold > 0) say(`… and ${untold} more`);
  if (report.failed > 0) say("Correct these lines and import the file again: what is there already is left as it is.");
}
