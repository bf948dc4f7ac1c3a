import { createReadStream } from "node:fs";
import { EngramError } from "../../../crypto/errors.ts";
import { readLines, type SourceLine } from "../../runtime/read-lines.ts";
import { replaceFile } from "../../runtime/replace-file.ts";
import { entryLine, type GroundTruthEntry, parseEntry } from "./entry.ts";

/** As many as the reference keeps in mind (spec 2.2). */
const MAX_ENTRIES = 100_000;

export interface LoadedGroundTruth {
  readonly entries: readonly GroundTruthEntry[];
  /** Line numbers of what is no entry, and of what is beyond `MAX_ENTRIES`. */
  readonly skipped: readonly number[];
}

/** Reads a ground-truth file (spec 4.1); one that is not there is an empty set. Errors: `GROUND_TRUTH_UNREADABLE`. */
export async function loadGroundTruth(path: string): Promise<LoadedGroundTruth> {
  try {
    return await readEntries(readLines(createReadStream(path)));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return { entries: [], skipped: [] };
    throw new EngramError("GROUND_TRUTH_UNREADABLE", `the ground truth ${path} cannot be read`, {
      fix: "check GROUND_TRUTH_PATH and that this user may read the file",
      cause,
    });
  }
}

/** Entries in the file's order, duplicates too; blank lines are neither entries nor skipped. */
export async function readEntries(lines: AsyncIterable<SourceLine>): Promise<LoadedGroundTruth> {
  const entries: GroundTruthEntry[] = [];
  const skipped: number[] = [];
  for await (const { number, text } of lines) {
    if (text?.trim() === "") continue;
    const entry = text === null || entries.length >= MAX_ENTRIES ? null : parseEntry(text);
    if (entry === null) skipped.push(number);
    else entries.push(entry);
  }
  return { entries, skipped };
}

/** Saves durably: readers see the file before or all of this one. */
export async function saveGroundTruth(path: string, entries: readonly GroundTruthEntry[]): Promise<void> {
  await replaceFile(path, entries.map((entry) => `${entryLine(entry)}\n`).join(""));
}
