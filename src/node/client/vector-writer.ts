import { isEngramError } from "../../crypto/errors.ts";
import type { Embedder } from "../ports.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import { embeddingFailure } from "./embedding-failure.ts";
import type { MemoryStore } from "./store/memory-store.ts";
import type { PieceToEmbed, PieceVector } from "./store/vector-operations.ts";

/** Texts per micro-batch: their vectors share one transaction. */
const BATCH = 16;

interface Waiting {
  readonly namespace: string;
  readonly piece: number;
}

export interface VectorWriterDeps {
  readonly store: MemoryStore;
  readonly embedder: Embedder;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * Embeds what was stored, after it was acknowledged. It holds piece numbers alone: the texts are read when their turn
 * comes, so that one deleted meanwhile is never embedded, and a large import waits on disk.
 */
export class VectorWriter {
  readonly #deps: VectorWriterDeps;
  readonly #queue: Waiting[] = [];
  readonly #open = new Map<string, number>();
  #pump: Promise<void> | undefined;
  #failure: string | undefined;

  constructor(deps: VectorWriterDeps) {
    this.#deps = deps;
  }

  add(namespace: string, pieces: readonly number[]): void {
    for (const piece of pieces) this.#queue.push({ namespace, piece });
    this.#open.set(namespace, (this.#open.get(namespace) ?? 0) + pieces.length);
    if (this.#queue.length > 0) this.#pump ??= this.#run();
  }

  /** Why texts given to this writer have no vectors yet: they wait, or the last attempt failed. */
  get lacking(): string | undefined {
    return this.#failure ?? (this.isBusy() ? "the embedder has not answered yet" : undefined);
  }

  /** Whether pieces of these namespaces (all, when none are named) wait for their vectors here. */
  isBusy(namespaces?: readonly string[]): boolean {
    if (!this.#pump) return false;
    return (namespaces ?? [...this.#open.keys()]).some((name) => (this.#open.get(name) ?? 0) > 0);
  }

  /** Resolves when the vectors of these namespaces are written, or after `ms`, or when aborted: whichever is first. */
  async waitFor(namespaces: readonly string[] | undefined, ms: number, signal?: AbortSignal): Promise<void> {
    if (!this.isBusy(namespaces)) return;
    const over = new AbortController();
    const { promise: written, resolve } = Promise.withResolvers<void>();
    const check = (): void => {
      if (!this.isBusy(namespaces)) resolve();
    };
    this.#watchers.add(check);
    const stop = AbortSignal.any([over.signal, this.#deps.signal, ...(signal ? [signal] : [])]);
    try {
      await Promise.race([written, this.#deps.clock.sleep(ms, stop).catch(() => undefined)]);
    } finally {
      over.abort();
      this.#watchers.delete(check);
    }
  }

  readonly #watchers = new Set<() => void>();

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    await this.#pump;
  }

  async #run(): Promise<void> {
    // What is stored within one turn of the event loop is embedded together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#queue.length > 0 && !this.#deps.signal.aborted) {
      const batch = this.#queue.splice(0, BATCH);
      await this.#embed(batch);
      for (const { namespace } of batch) this.#close(namespace);
      for (const check of [...this.#watchers]) check();
    }
    this.#pump = undefined;
    for (const check of [...this.#watchers]) check();
  }

  #close(namespace: string): void {
    const open = (this.#open.get(namespace) ?? 1) - 1;
    if (open > 0) this.#open.set(namespace, open);
    else this.#open.delete(namespace);
  }

  /** A batch that fails stays without vectors: it is found by its terms, and the leftovers' loop tries it again. */
  async #embed(batch: readonly Waiting[]): Promise<void> {
    const { store, embedder, signal, log } = this.#deps;
    try {
      const pieces = await store.call("piecesToEmbed", { pieces: batch.map(({ piece }) => piece) });
      if (pieces.length === 0) return;
      const vectors = await this.#vectorsOf(pieces);
      await store.call("putVectors", { profile: embedder.profile, vectors });
      this.#failure = undefined;
    } catch (error) {
      if (signal.aborted) return;
      this.#failure = embeddingFailure(error, "texts could not be embedded; trying later", log);
    }
  }

  async #vectorsOf(pieces: readonly PieceToEmbed[]): Promise<readonly PieceVector[]> {
    const { embedder, signal } = this.#deps;
    const embed = (texts: readonly string[]) => embedder.embed(texts, { priority: "background", signal });
    try {
      const vectors = await embed(pieces.map(({ text }) => text));
      return pieces.map(({ piece }, i) => ({ piece, vector: usable(vectors[i]) }));
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
    // One text of the batch is refused: the others must not suffer for it.
    const found: PieceVector[] = [];
    for (const { piece, text } of pieces) {
      const [vector] = await embed([text]).catch((error: unknown) => {
        if (isRefusal(error)) return [];
        throw error;
      });
      found.push({ piece, vector: usable(vector) });
    }
    return found;
  }
}

function isRefusal(error: unknown): boolean {
  return isEngramError(error, "EMBED_EMPTY") || isEngramError(error, "EMBED_TOO_LONG");
}

/** A vector without direction cannot be compared. */
function usable(vector: Float32Array | undefined): Float32Array | null {
  if (!vector?.every(Number.isFinite)) return null;
  return vector.some((value) => value !== 0) ? vector : null;
}
