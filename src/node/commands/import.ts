import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import type { Command } from "commander";
import { EngramError } from "../../crypto/errors.ts";
import type { ImportReport } from "../client/transfer/import.ts";
import type { SourceEntry } from "../client/transfer/read-entries.ts";
import { requireConsent, staysOnThisMachine } from "./consent.ts";
import { EXIT, usageError } from "./exit-codes.ts";
import { type CommonOptions, dataCommand, settle, withClient } from "./kit.ts";
import { count, print, say } from "./output.ts";
import { startProgress } from "./progress.ts";

interface Options extends CommonOptions {
  readonly namespace?: string;
}

const FORMATS = `
Reads, and tells apart by itself:
  - what "engram export" wrote: one JSON object a line; by hand {"text":"…"} is enough
  - the file of the reference MCP memory server (memory.jsonl): entities and relations
  - memories of mem0 and OpenMemory: what their API lists, or memories.json or memories.jsonl.gz of a backup's zip (both hold
    the same memories); those that were deleted or archived there are skipped
  - points of a Qdrant collection that mcp-server-qdrant wrote: what its scroll answers page by page, or one point a line
  - a folder of Markdown notes as basic-memory keeps it: observations, relations and the rest of each note

JSON is read as lines or as one document (of at most 64 MB), and unpacked where the file's name ends in .gz. Lines that
cannot be stored are named and the rest is imported. Whatever is there already is left as it is, so an interrupted import is
simply run again.`;

/** `engram import`: stores the memories of a file. */
export function importCommand(): Command {
  return dataCommand("import", "store the memories of a file, or of a folder of notes")
    .argument("<file>", 'the file or folder, or "-" for standard input')
    .option("-n, --namespace <name>", "store everything into this namespace, whatever the file says")
    .addHelpText("after", FORMATS)
    .action((file: string, options: Options) =>
      withClient(options, async (client) => {
        const { importMemories } = await import("../client/transfer/import.ts");
        const interrupted = new AbortController();
        process.once("SIGINT", () => interrupted.abort()).once("SIGTERM", () => interrupted.abort());
        const notes: string[] = [];
        const { size, entries } = await openSource(file, (note) => notes.push(note));
        const progress = await startProgress("importing", size, options);
        const report = await importMemories(
          entries,
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
              await requireConsent(client, options, { command: "import", input: { file, size }, summary });
            },
          },
        ).finally(() => progress.end());
        const { note } = interrupted.signal.aborted ? {} : await settle(client);
        if (note !== undefined) notes.push(note);
        await print(options.json === true, { ...report, ...(notes.length > 0 && { notes }) }, describe);
        if (!options.json) notes.forEach(say);
        tellWhatIsLeft(report, interrupted.signal.aborted, options);
      }),
    );
}

interface Source {
  /** What `end` of the entries counts up to: bytes, or notes; null where nobody knows. */
  readonly size: number | null;
  readonly entries: AsyncIterable<SourceEntry>;
}

async function openSource(file: string, onNote: (note: string) => void): Promise<Source> {
  const { readEntries } = await import("../client/transfer/read-entries.ts");
  if (file === "-") {
    if (process.stdin.isTTY) throw usageError("nothing is piped in", "Name a file: engram import memories.jsonl");
    return { size: null, entries: readEntries(process.stdin, onNote) };
  }
  const found = await stat(file).catch(() => null);
  if (found === null) throw new EngramError("FILE_NOT_FOUND", `there is no file ${file}`, { fix: "Check the path." });
  if (found.isDirectory()) return await openFolder(file);
  const stream = createReadStream(file);
  if (!/\.gz$/i.test(file)) return { size: found.size, entries: readEntries(stream, onNote) };
  const { readPacked } = await import("../client/transfer/read-packed.ts");
  return { size: null, entries: readPacked(stream, (unpacked) => readEntries(unpacked, onNote)) };
}

async function openFolder(folder: string): Promise<Source> {
  const { listNotes, readNotes } = await import("../client/transfer/read-notes.ts");
  const files = await listNotes(folder);
  if (files.length === 0) throw usageError(`${folder} holds no Markdown notes`, "Name the file itself.");
  return { size: files.length, entries: readNotes(folder, files) };
}

function counts({ stored, deduped, failed }: ImportReport): string {
  return `${stored} stored, ${deduped} already there${failed === 0 ? "" : `, ${failed} failed`}`;
}

function describe(report: ImportReport): string {
  const expired = report.expired === 0 ? "" : `, ${report.expired} already expired`;
  const skipped = report.skipped === 0 ? "" : `, ${report.skipped} skipped: deleted or archived there`;
  return `read ${count(report.lines, "line")}: ${counts(report)}${expired}${skipped}`;
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
  if (report.failed > 0)
    say("Correct what is named and import the file again: what is there already is left as it is.");
}
