import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { type Checker, type CheckSession, isDeviated, notDriven, type VectorCase } from "./checker.ts";
import { deviations } from "./deviations.ts";
import { kinds } from "./kinds.ts";

export interface FileReport {
  readonly file: string;
  readonly kind: string;
  readonly exact: number;
  readonly deviated: number;
  readonly unknown: number;
  /** One line a failed case. */
  readonly failures: readonly string[];
  /** Which case deviated, and the weakness it would have been. */
  readonly deviationNotes: readonly string[];
}

const vectorFile = z
  .looseObject({ kind: z.string().optional(), suite: z.string().optional(), cases: z.array(z.unknown()).min(1) })
  .refine((file) => file.kind !== undefined || file.suite !== undefined, "neither kind nor suite");
const vectorCases = z.array(z.record(z.string(), z.unknown()));

/** Verifies every vector file directly in `folder`, in the order of their names. */
export async function verifyFolder(folder: string): Promise<FileReport[]> {
  const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  const reports: FileReport[] = [];
  for (const name of names.sort()) reports.push(await verifyFile(join(folder, name), name));
  return reports;
}

async function verifyFile(path: string, name: string): Promise<FileReport> {
  try {
    const file = vectorFile.parse(JSON.parse(readFileSync(path, "utf8")));
    return await verifyVectors(name, file);
  } catch (error) {
    return { ...emptyReport(name, "unreadable"), failures: [`unreadable: ${firstLine(error)}`] };
  }
}

/** Verifies one file's content. */
export async function verifyVectors(name: string, content: z.input<typeof vectorFile>): Promise<FileReport> {
  const file = vectorFile.parse(content);
  const kind = file.kind ?? file.suite ?? "";
  const checker = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  if (checker === undefined) {
    return { ...emptyReport(name, kind), unknown: file.cases.length + negativeCases(file) };
  }
  return verifyLists(emptyReport(name, kind), checker, file);
}

async function verifyLists(empty: FileReport, checker: Checker, file: VectorCase): Promise<FileReport> {
  const counts = { exact: 0, deviated: 0, unknown: 0 };
  const failures: string[] = [];
  const deviationNotes: string[] = [];
  await using session = await sessionOf(checker);
  // Cases that nobody looks at must not look verified.
  if (!checker.lists.includes("negative")) counts.unknown += negativeCases(file);
  for (const list of checker.lists) {
    for (const [index, vector] of vectorCases.parse(file[list] ?? []).entries()) {
      const label = `${list}[${index}]`;
      const outcome = await verifyCase(empty.kind, session, vector, list);
      if ("failure" in outcome) failures.push(`${label}: ${outcome.failure}`);
      else counts[outcome.result] += 1;
      if ("weakness" in outcome) deviationNotes.push(`${label}: ${outcome.weakness}`);
    }
  }
  return { ...empty, ...counts, failures, deviationNotes };
}

async function sessionOf(checker: Checker): Promise<CheckSession> {
  if ("open" in checker) return checker.open();
  return { check: checker.check, [Symbol.asyncDispose]: async () => undefined };
}

type Outcome =
  | { readonly result: "exact" | "unknown" }
  | { readonly result: "deviated"; readonly weakness: string }
  | { readonly failure: string };

async function verifyCase(kind: string, session: CheckSession, vector: VectorCase, list: string): Promise<Outcome> {
  try {
    const rule = deviations.find((candidate) => candidate.kinds.includes(kind) && candidate.applies(vector));
    if (rule !== undefined) {
      rule.assert(vector);
      return { result: "deviated", weakness: rule.weakness };
    }
    const result = await session.check(vector, list);
    if (isDeviated(result)) return { result: "deviated", weakness: result.weakness };
    return { result: result === notDriven ? "unknown" : "exact" };
  } catch (error) {
    return { failure: firstLine(error) };
  }
}

function negativeCases(file: VectorCase): number {
  return vectorCases.safeParse(file["negative"]).data?.length ?? 0;
}

function emptyReport(file: string, kind: string): FileReport {
  return { file, kind, exact: 0, deviated: 0, unknown: 0, failures: [], deviationNotes: [] };
}

function firstLine(error: unknown): string {
  return String(error).split("\n").slice(0, 6).join(" ").slice(0, 300);
}
