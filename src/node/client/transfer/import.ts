import { z } from "zod";
import { EngramError, isEngramError } from "../../../crypto/errors.ts";
import { readLines, type SourceLine } from "../../runtime/read-lines.ts";
import { LIMITS } from "../limits.ts";
import type { MemoryClient, StoreInput } from "../memory.ts";
import type { ImportedMemory } from "./imported-memory.ts";
import { parseMemoryLine } from "./memory-line.ts";
import { isReferenceLine, parseReferenceLine } from "./reference-line.ts";

export interface ImportOptions {
  /** Puts everything, privately, into this namespace instead of those that the file names. */
  readonly namespace?: string;
  /** The session of memories that name none: the same on every run, so that a second run finds the first one's. */
  readonly session: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly bytes: number; readonly report: ImportReport }) => void;
}

export interface ImportDeps {
  readonly client: Pick<MemoryClient, "store">;
  /** Returns when memories of the file may be stored readable for everyone; throws otherwise. */
  readonly allowPublic: () => Promise<void>;
  readonly now: () => number;
}

interface BadLine {
  readonly line: number;
  readonly message: string;
}

export interface ImportReport {
  readonly lines: number;
  readonly stored: number;
  /** There already: of an earlier run, or the same memory twice in the file. */
  readonly deduped: number;
  /** Over before the import. */
  readonly expired: number;
  readonly failed: number;
  /** The first of the lines that failed. */
  readonly badLines: readonly BadLine[];
}

/** Bad lines that are told one by one. */
const BAD_LINES_KEPT = 1_000;
const BATCH_ITEMS = 100;
const BATCH_CHARACTERS = LIMITS.textsPerCall / 2;

/** Fields of a call that all of its items share. */
type Shared = Omit<StoreInput, "items">;

interface Pending {
  readonly line: number;
  readonly memory: ImportedMemory;
}

/**
 * Stores the memories of a file, in its order: lines of an export, or of the reference memory server's file. A line that
 * cannot be stored is reported and the rest goes on; a failure of the store itself (a full disk) ends the import. What
 * is stored is on disk, so an interrupted import is run again and skips what is there.
 */
export async function importMemories(
  source: AsyncIterable<Uint8Array>,
  options: ImportOptions,
  deps: ImportDeps,
): Promise<ImportReport> {
  const run = new ImportRun(options, deps);
  for await (const line of readLines(source)) {
    if (options.signal?.aborted) break;
    await run.take(line);
  }
  await run.flush();
  return run.report();
}

class ImportRun {
  readonly #options: ImportOptions;
  readonly #deps: ImportDeps;
  #batch: Pending[] = [];
  #characters = 0;
  #bytes = 0;
  #publicAllowed = false;
  readonly #counts = { lines: 0, stored: 0, deduped: 0, expired: 0, failed: 0 };
  readonly #badLines: BadLine[] = [];

  constructor(options: ImportOptions, deps: ImportDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  report(): ImportReport {
    return { ...this.#counts, badLines: [...this.#badLines] };
  }

  async take(line: SourceLine): Promise<void> {
    this.#bytes = line.end;
    this.#counts.lines += 1;
    for (const memory of this.#parse(line)) await this.#add({ line: line.number, memory });
  }

  async flush(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    this.#characters = 0;
    if (batch.length > 0) await this.#store(batch);
    this.#options.onProgress?.({ bytes: this.#bytes, report: this.report() });
  }

  #parse(line: SourceLine): readonly ImportedMemory[] {
    if (line.text === null) return this.#fail(line.number, line.why);
    if (line.text.trim() === "") return [];
    try {
      return parseLine(line.text);
    } catch (error) {
      return this.#fail(line.number, reasonOf(error));
    }
  }

  #fail(line: number, message: string): readonly [] {
    this.#counts.failed += 1;
    if (this.#badLines.length < BAD_LINES_KEPT) this.#badLines.push({ line, message });
    return [];
  }

  async #add(pending: Pending): Promise<void> {
    if ((pending.memory.expiresAt ?? Number.POSITIVE_INFINITY) <= this.#deps.now()) {
      this.#counts.expired += 1;
      return;
    }
    const first = this.#batch[0];
    const { length } = pending.memory.item.text;
    const full = this.#batch.length >= BATCH_ITEMS || this.#characters + length > BATCH_CHARACTERS;
    if (first !== undefined && (full || !goTogether(first.memory, pending.memory))) await this.flush();
    this.#batch.push(pending);
    this.#characters += length;
  }

  async #store(batch: readonly Pending[]): Promise<void> {
    const [first] = batch;
    if (first === undefined) return;
    if (this.#isPublic(first.memory) && !this.#publicAllowed) {
      await this.#deps.allowPublic();
      this.#publicAllowed = true;
    }
    const items = batch.map(({ memory }) => memory.item);
    try {
      const { stored } = await this.#deps.client.store({ ...this.#shared(first.memory), items });
      for (const { deduped } of stored) this.#counts[deduped ? "deduped" : "stored"] += 1;
    } catch (error) {
      if (!isRefusedInput(error)) throw error;
      if (batch.length === 1) this.#fail(first.line, reasonOf(error));
      // One of them was refused: alone, each is stored or named.
      else for (const pending of batch) await this.#store([pending]);
    }
  }

  #isPublic(memory: ImportedMemory): boolean {
    return memory.public && this.#options.namespace === undefined;
  }

  #shared(memory: ImportedMemory): Shared {
    const namespace = this.#options.namespace ?? memory.namespace;
    return {
      session: this.#options.session,
      ...(this.#isPublic(memory) ? { public: true } : namespace !== undefined && { namespace }),
      ...(memory.expiresAt !== undefined && { expiresAt: memory.expiresAt }),
    };
  }
}

function parseLine(text: string): readonly ImportedMemory[] {
  const value: unknown = JSON.parse(text);
  return isReferenceLine(value) ? parseReferenceLine(value) : [parseMemoryLine(value)];
}

function goTogether(a: ImportedMemory, b: ImportedMemory): boolean {
  return a.public === b.public && a.namespace === b.namespace && a.expiresAt === b.expiresAt;
}

/** A store that says no to these memories, unlike one that fails: then no other line would fare better. */
function isRefusedInput(error: unknown): boolean {
  return isEngramError(error) && /_INVALID$|_TOO_(LONG|LARGE)$|NAMESPACE|^SECRET_FOUND$/.test(error.code);
}

function reasonOf(error: unknown): string {
  if (error instanceof SyntaxError) return "the line is not JSON";
  if (error instanceof z.ZodError) {
    const [issue] = error.issues;
    const place = issue === undefined || issue.path.length === 0 ? "" : `${z.core.toDotPath(issue.path)}: `;
    return `${place}${issue?.message ?? "the line is not a memory"}`;
  }
  if (error instanceof EngramError) return error.fix === undefined ? error.message : `${error.message} ${error.fix}`;
  return String(error);
}
