import { isUtf8 } from "node:buffer";
import { z } from "zod";
import { EngramError } from "../../../crypto/errors.ts";
import { readLines } from "../../runtime/read-lines.ts";
import { parseForeignItem } from "./foreign-item.ts";
import type { ImportedMemory } from "./imported-memory.ts";
import { parseMemoryLine } from "./memory-line.ts";
import { backupItems } from "./openmemory-backup.ts";
import { isReferenceLine, parseReferenceLine } from "./reference-line.ts";

/** `gone`: deleted or archived where it comes from. */
type Told = { readonly memories: readonly ImportedMemory[] } | { readonly gone: true } | { readonly why: string };

/** A line, item or file of a source, counted from 1, and the bytes up to its end. */
export type SourceEntry = { readonly number: number; readonly end: number } & Told;

/** A document is held as a whole; lines are not. */
const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024;
/** What Qdrant answers to a scroll. */
const scroll = z.looseObject({
  result: z.looseObject({ next_page_offset: z.union([z.string(), z.number()]).nullish() }),
});
/** Where exports put their list. */
const LISTS = ["results", "memories", "items", "points"];
const ZIP = Buffer.from("PK\x03\x04");

/**
 * The entries of a file: of JSON Lines, or of one JSON document that is a list or holds one. What is no memory has the
 * reason instead. `onNote` hears what the source does not hold. Errors: `IMPORT_INVALID` for a zip file.
 */
export async function* readEntries(
  source: AsyncIterable<Uint8Array>,
  onNote: (note: string) => void = () => undefined,
): AsyncGenerator<SourceEntry> {
  const chunks = source[Symbol.asyncIterator]();
  const held: Uint8Array[] = [];
  let size = 0;
  let line: string | undefined;
  let first: unknown;
  let failure: { readonly error: unknown } | undefined;
  // A source that breaks off while it is not yet clear what it is: what came until then is read first.
  const next = (): Promise<IteratorResult<Uint8Array, unknown>> =>
    chunks.next().catch((error: unknown) => {
      failure = { error };
      return { done: true, value: undefined };
    });
  for (let chunk = await next(); ; chunk = await next()) {
    if (!chunk.done) {
      held.push(chunk.value);
      const before = size;
      size += chunk.value.length;
      if (before < ZIP.length && isZip(held)) throw zipped();
    }
    // A first line that is JSON by itself tells what the file is; else all of it has to be seen.
    if (line === undefined) {
      line = firstLine(held);
      if (line !== undefined) first = parseJson(line);
    }
    if (chunk.done || size > MAX_DOCUMENT_BYTES || (first !== undefined && listIn(first) === undefined)) break;
  }
  const all = Buffer.concat(held);
  // Bytes that are no text are named line by line, not stored as what a decoder makes of them.
  const document = parseJson(size > MAX_DOCUMENT_BYTES || !isUtf8(all) ? "" : all.toString("utf8"));
  const list = listIn(document);
  if (list === undefined) {
    const whole = failure === undefined ? all : all.subarray(0, all.lastIndexOf("\n") + 1);
    yield* lineEntries(joined(whole, chunks));
  } else {
    const told = backupItems(document);
    yield* list.map((value, index) => ({ number: index + 1, end: size, ...entryOf(told(value)) }));
    const following = scroll.safeParse(document).data?.result.next_page_offset;
    if (following !== undefined && following !== null) {
      const offset = JSON.stringify(following);
      onNote(`these are the points of one page: more follow from the offset ${offset}, import them too`);
    }
  }
  if (failure !== undefined) throw failure.error;
}

function isZip(chunks: readonly Uint8Array[]): boolean {
  return Buffer.concat(chunks).subarray(0, ZIP.length).equals(ZIP);
}

function zipped(): EngramError {
  return new EngramError("IMPORT_INVALID", "this is a zip file", {
    fix: "unzip it first and import memories.json or memories.jsonl.gz from it: OpenMemory keeps the same memories in both",
  });
}

async function* lineEntries(source: AsyncIterable<Uint8Array>): AsyncGenerator<SourceEntry> {
  for await (const { number, end, ...line } of readLines(source)) {
    if (line.text === null) yield { number, end, why: line.why };
    else if (line.text.trim() === "") yield { number, end, memories: [] };
    else {
      const value = parseJson(line.text);
      yield { number, end, ...(value === undefined ? { why: "the line is not JSON" } : entryOf(value)) };
    }
  }
}

function entryOf(value: unknown): Told {
  try {
    if (isReferenceLine(value)) return { memories: parseReferenceLine(value) };
    const foreign = parseForeignItem(value);
    return foreign === "gone" ? { gone: true } : { memories: [foreign ?? parseMemoryLine(value)] };
  } catch (error) {
    return { why: reasonOf(error) };
  }
}

/** In a sentence, why something is no memory or was not stored. */
export function reasonOf(error: unknown): string {
  if (error instanceof z.ZodError) {
    const [issue] = error.issues;
    const place = issue === undefined || issue.path.length === 0 ? "" : `${z.core.toDotPath(issue.path)}: `;
    return `${place}${issue?.message ?? "the line is not a memory"}`;
  }
  if (error instanceof EngramError) return error.fix === undefined ? error.message : `${error.message} ${error.fix}`;
  return String(error);
}

/** The list of a document, at its top or below `result`; undefined where it has none. */
function listIn(value: unknown): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value;
  if (typeof value !== "object" || value === null || "text" in value) return undefined;
  const held = value as Record<string, unknown>;
  const found = LISTS.map((key) => held[key]).find(Array.isArray);
  return found ?? ("result" in held && !Array.isArray(held["result"]) ? listIn(held["result"]) : undefined);
}

/** The first line that is not blank, once its end was read. */
function firstLine(chunks: readonly Uint8Array[]): string | undefined {
  const last = chunks.at(-1);
  if (last === undefined || !last.includes(0x0a)) return undefined;
  const text = Buffer.concat(chunks).toString("utf8").trimStart();
  const end = text.indexOf("\n");
  return end < 0 ? undefined : text.slice(0, end);
}

async function* joined(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (first.length > 0) yield first;
  for (let chunk = await rest.next(); !chunk.done; chunk = await rest.next()) yield chunk.value;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch {
    return undefined;
  }
}
