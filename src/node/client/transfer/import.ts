import { isEngramError } from "../../../crypto/errors.ts";
import { LIMITS } from "../limits.ts";
import type { MemoryClient, StoreInput } from "../memory.ts";
import type { ImportedMemory } from "./imported-memory.ts";
import { reasonOf, type SourceEntry } from "./read-entries.ts";

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
  /** Deleted or archived where they come from. */
  readonly skipped: number;
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
 * Stores the memories of a source, in its order. An entry that cannot be stored is reported and the rest goes on; a failure of the store itself (a full disk) ends the import. What
 * is stored is on disk, so an interrupted import is run again and skips what is there.
 */
export async function importMemories(
  entries: AsyncIterable<SourceEntry>,
  options: ImportOptions,
  deps: ImportDeps,
): Promise<ImportReport> {
  const run = new ImportRun(options, deps);
  for await (const entry of entries) {
    if (options.signal?.aborted) break;
    await run.take(entry);
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
  readonly #counts = { lines: 0, stored: 0, deduped: 0, expired: 0, skipped: 0, failed: 0 };
  readonly #badLines: BadLine[] = [];

  constructor(options: ImportOptions, deps: ImportDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  report(): ImportReport {
    return { ...this.#counts, badLines: [...this.#badLines] };
  }

  async take(entry: SourceEntry): Promise<void> {
    this.#bytes = entry.end;
    this.#counts.lines += 1;
    if ("why" in entry) return this.#fail(entry.number, entry.why);
    if ("gone" in entry) this.#counts.skipped += 1;
    else for (const memory of entry.memories) await this.#add({ line: entry.number, memory });
  }

  async flush(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    this.#characters = 0;
    if (batch.length > 0) await this.#store(batch);
    this.#options.onProgress?.({ bytes: this.#bytes, report: this.report() });
  }

  #fail(line: number, message: string): void {
    this.#counts.failed += 1;
    if (this.#badLines.length < BAD_LINES_KEPT) this.#badLines.push({ line, message });
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

function goTogether(a: ImportedMemory, b: ImportedMemory): boolean {
  return a.public === b.public && a.namespace === b.namespace && a.expiresAt === b.expiresAt;
}

/** A store that says no to these memories, unlike one that fails: then no other line would fare better. */
function isRefusedInput(error: unknown): boolean {
  return isEngramError(error) && /_INVALID$|_TOO_(LONG|LARGE)$|NAMESPACE|^SECRET_FOUND$/.test(error.code);
}
