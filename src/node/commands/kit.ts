import { Command, InvalidArgumentError, Option } from "commander";
import type { MemoryClient } from "../client/memory.ts";
import { dayBeforeNow } from "../client/recall/spans-before-now.ts";
import { momentOf, wallClock } from "../runtime/wall-clock.ts";
import { endWithReader, reportFailure } from "./output.ts";

/** Options every command that touches memories takes. */
export interface CommonOptions {
  readonly home?: string;
  readonly json?: boolean;
}

/** A command with `--home` and `--json`. */
export function dataCommand(name: string, summary: string): Command {
  return new Command(name)
    .description(summary)
    .option("--home <folder>", "data folder (default: ENGRAM_HOME, else the platform's data directory)")
    .option("--json", "print the result as one line of JSON");
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Runs a command's work: what it throws is told with what to do, and becomes the exit code. */
export async function run(options: CommonOptions, work: () => Promise<void>): Promise<void> {
  endWithReader();
  // Much that a command waits for keeps no process alive, as the clock's sleeps: it would end before its work.
  const alive = setInterval(() => undefined, LONGEST_TIMER_MS);
  try {
    await work();
  } catch (error) {
    reportFailure(error, options.json === true);
  } finally {
    clearInterval(alive);
  }
}

/** The memories of the command's home; dispose it, so that background work ends in order. */
export async function openClient(options: CommonOptions): Promise<MemoryClient> {
  return (await import("./open-client.ts")).openCommandClient(options.home);
}

/** Runs work on the memories of the command's home, as `run` does. */
export async function withClient(options: CommonOptions, use: (client: MemoryClient) => Promise<void>): Promise<void> {
  await run(options, async () => {
    await using client = await openClient(options);
    await use(client);
  });
}

/** How long a command waits for what follows a durable write; the next process goes on where it ended. */
const SETTLE_MS = 10_000;

/**
 * Gives vectors, pushes and deletes a chance before the process ends. What is stored is stored, whatever comes of it; a
 * note says that it is not yet found by its meaning.
 */
export async function settle(client: MemoryClient): Promise<{ readonly note?: string }> {
  await client.settle({ signal: AbortSignal.timeout(SETTLE_MS) }).catch(() => undefined);
  const why = client.unembedded();
  return why === undefined ? {} : { note: `stored; not yet found by its meaning: ${why}; see engram doctor` };
}

/** Parses `--limit` and the like: a whole number from 1. */
export function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError("It must be a whole number from 1.");
  return value;
}

/** Parses a number from 0 to 1. */
export function fraction(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0 && value <= 1)) throw new InvalidArgumentError("It must be from 0 to 1.");
  return value;
}

/** Parses `--metadata` and `--filter`: a JSON object. */
export function jsonObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // falls through to the one sentence for both
  }
  throw new InvalidArgumentError(`It must be a JSON object such as '{"topic":"travel"}'.`);
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 };

/** Parses a time span (`90s`, `15m`, `12h`, `30d`, `2w`, or seconds) into seconds. */
export function timeSpan(text: string): number {
  const found = /^(\d{1,10})([smhdw]?)$/.exec(text.trim());
  const seconds = found ? Number(found[1]) * (UNITS[found[2] || "s"] ?? 1) : 0;
  if (seconds < 1) throw new InvalidArgumentError('It must be a time span such as "12h", "30d" or seconds.');
  return seconds;
}

/** Parses a time (ISO 8601, here where it names no zone; unix milliseconds; "yesterday") into unix milliseconds. */
export function time(text: string): number {
  const day = dayBeforeNow(text, wallClock(Date.now()));
  if (day !== undefined) return momentOf(day);
  const value = /^\d{12,14}$/.test(text.trim()) ? Number(text) : Date.parse(withTime(text.trim()));
  if (!Number.isNaN(value) && NAMES_YEAR.test(text)) return value;
  throw new InvalidArgumentError('It must be a time such as "2026-03-03T09:12:00Z", or a day such as "last Friday".');
}

/** `Date.parse` puts what has no year into 2001. */
const NAMES_YEAR = /\d{4}|\d\/\d{1,2}\/\d\d\b/;

/** A date alone would be read as UTC, and one with a time as local: with midnight both are days of here. */
function withTime(text: string): string {
  return /^\d{4}(?:-\d\d){0,2}$/.test(text) ? `${text}T00:00` : text;
}

/** An option that may be given several times. */
export function repeatable(flags: string, description: string): Option {
  return new Option(flags, description).argParser((value: string, all: string[] | undefined) => [
    ...(all ?? []),
    value,
  ]);
}
