import { once } from "node:events";
import { EngramError, isEngramError } from "../../crypto/errors.ts";
import { missingPackage } from "../runtime/missing-package.ts";
import { exitCodeOf } from "./exit-codes.ts";

/**
 * Prints a result: with `--json` one line of JSON, else what `asText` makes of it. Standard output carries results and
 * nothing else; all that is said about them goes to standard error.
 */
export async function print<T>(json: boolean, result: T, asText: (result: T) => string): Promise<void> {
  const text = json ? JSON.stringify(result) : asText(result);
  await writeOut(text.endsWith("\n") ? text : `${text}\n`);
}

/** Writes to standard output at the reader's pace. */
export async function writeOut(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, "drain");
}

/** A reader that leaves (`engram list | head`) is no failure: the process ends with it. */
export function endWithReader(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
}

/** "1 memory", "2 memories". */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

/** A sentence about the work, for a person. */
export function say(sentence: string): void {
  process.stderr.write(`${sentence}\n`);
}

/** Tells why a command failed (on standard error; with `--json` as `{"error":{code,message,fix?}}`) and sets the exit code. */
export function reportFailure(error: unknown, json: boolean): void {
  process.stderr.write(failureText(describe(error), json));
  process.exitCode = exitCodeOf(error);
}

/** What the command line's parser has against it, in the form of every other failure. */
export function usageErrorText(text: string, json: boolean): string {
  const message = text
    .trim()
    .replace(/^error: /, "")
    .replace("\n", " ");
  return failureText({ code: "USAGE", message, fix: 'Run "engram --help", or the command with --help.' }, json);
}

interface Failure {
  readonly code: string;
  readonly message: string;
  readonly fix?: string | undefined;
}

function failureText({ code, message, fix }: Failure, json: boolean): string {
  if (json) return `${JSON.stringify({ error: { code, message, fix } })}\n`;
  return `engram: ${message} (${code})\n${fix === undefined ? "" : `  ${fix}\n`}`;
}

function describe(error: unknown): Failure {
  if (isEngramError(error)) return error;
  const missing = missingPackage(error);
  if (missing) return missing;
  const message = error instanceof Error ? error.message : String(error);
  return { code: systemCode(error) ?? "INTERNAL", message, fix: 'Run "engram doctor" to see what is wrong.' };
}

function systemCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Aligns rows of cells in columns two blanks apart. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widest = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: widest }, (_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** The error of an answer that names what was not there. */
export function notFound(ids: readonly string[]): EngramError {
  const shown = ids.slice(0, 5).join(", ");
  return new EngramError("NOT_FOUND", `no memory has the id ${shown}${ids.length > 5 ? ", …" : ""}`, {
    fix: '"engram list" shows the ids of your memories.',
  });
}
