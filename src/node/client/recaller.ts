import type { Embedder } from "../ports.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import { writeCursor } from "./cursor.ts";
import { embeddingFailure } from "./embedding-failure.ts";
import { foldHits, type PlacedHit } from "./hit-folding.ts";
import type { MemoryId, QueryInput, QueryResult } from "./memory.ts";
import { waitingForVectors, whyNoHits } from "./no-hits.ts";
import { checkQuery, type Question } from "./question.ts";
import type { ParsedQuery, RecallMode } from "./recall/corpus.ts";
import { parseQuery, queryVector } from "./recall/query.ts";
import { recencyFactor } from "./recall/recency.ts";
import type { Replication } from "./replication-port.ts";
import type { MemoryStore } from "./store/memory-store.ts";
import type { Recall, Recalled } from "./store/recall-operations.ts";
import type { VectorWriter } from "./vector-writer.ts";

/** Hits read at once, in times of those asked for: some say the same and share a place. */
const WINDOW = 2;
/** What was stored a moment ago should be found by its meaning too; beyond this its terms must do. */
const VECTORS_WAIT_MS = 5_000;
/** So long a question that finds nothing waits for what an ended process left without vectors. */
const LEFTOVERS_WAIT_MS = 5_000;

/** What waits for its vector, whichever process stored it. */
interface AwaitingVectors {
  awaitingVectors(): Promise<number>;
  settleVectors(signal: AbortSignal): Promise<void>;
}

export interface RecallerDeps {
  readonly store: MemoryStore;
  readonly embedder: Embedder;
  readonly vectors: VectorWriter;
  readonly leftovers: AwaitingVectors;
  readonly replication: Replication;
  readonly clock: Clock;
  readonly log: Logger;
}

interface QuestionVector {
  readonly vector?: Float32Array;
  /** Why there is none. */
  readonly note?: string;
}

/** Answers questions: own namespaces from the local index, the public space through the replication as well. */
export class Recaller {
  readonly #deps: RecallerDeps;

  constructor(deps: RecallerDeps) {
    this.#deps = deps;
  }

  async query(input: QueryInput, signal?: AbortSignal): Promise<QueryResult> {
    const { leftovers } = this.#deps;
    const result = await this.#queryOnce(input, signal);
    if (result.hits.length > 0 || input.mode === "keyword") return result;
    // Left by a process that ended right after it had stored: found by its meaning as soon as it has its vector.
    if ((await leftovers.awaitingVectors()) > 0) {
      const limit = AbortSignal.timeout(LEFTOVERS_WAIT_MS);
      await leftovers.settleVectors(signal ? AbortSignal.any([limit, signal]) : limit).catch(() => undefined);
      signal?.throwIfAborted();
    }
    // Also where nothing waits any more: what was left may have got its vector since the first look.
    const again = await this.#queryOnce(input, signal);
    const left = again.hits.length > 0 ? 0 : await leftovers.awaitingVectors();
    return left === 0 ? again : { ...again, why: `${again.why}; ${waitingForVectors(left)}` };
  }

  async #queryOnce(input: QueryInput, signal?: AbortSignal): Promise<QueryResult> {
    const question = checkQuery(input, this.#deps.clock.now());
    signal?.throwIfAborted();
    const { recall, others, note } = await this.#ask(input, question, signal);
    const first = await this.#deps.store.call("recall", recall);
    const { hits, end } = await foldHits(this.#inOrder(recall, first, others, signal), question.limit);
    const noted = note === undefined ? {} : { note };
    if (hits.length === 0) return { hits, why: whyNoHits(first.asked, question.minScore), ...noted };
    return end
      ? { hits, next: writeCursor(question.identity, [end.score, end.row, question.asked]), ...noted }
      : { hits, ...noted };
  }

  async #ask(input: QueryInput, question: Question, signal: AbortSignal | undefined) {
    const { store, embedder, vectors, replication, clock } = this.#deps;
    const { namespaces, visibilities, mode, minScore, limit, after, recency, asked } = question;
    const inNamespaces = namespaces === undefined ? {} : { namespaces };
    const speakers = await store.call("speakers", { visibilities, ...inNamespaces });
    const parsed = parseQuery(question.query, { speakers, now: asked });
    const remote = visibilities.includes("public")
      ? replication.publicRecall({ ...input, limit }, signal)
      : Promise.resolve([]);
    const elsewhere =
      visibilities.includes("private") && mode !== "keyword"
        ? replication.remoteRecall({ ...input, limit, ...inNamespaces }, signal)
        : Promise.resolve([]);
    const [{ vector, note }] = await Promise.all([
      this.#vectorOf(parsed, mode, signal),
      mode === "keyword" ? undefined : vectors.waitFor(namespaces, VECTORS_WAIT_MS, signal),
    ]);
    signal?.throwIfAborted();
    const recall: Recall = {
      visibilities,
      query: parsed,
      profile: embedder.profile,
      mode,
      minScore,
      limit: limit * WINDOW,
      now: clock.now(),
      ...inNamespaces,
      ...(vector === undefined ? {} : { vector }),
      ...(input.filter === undefined ? {} : { filter: input.filter }),
      ...(recency === undefined ? {} : { recency }),
      ...(after === undefined ? {} : { after }),
    };
    const below = after?.score ?? Number.POSITIVE_INFINITY;
    const others = [...(await elsewhere), ...(await remote)]
      .map((hit) => (recency ? { ...hit, score: hit.score * recencyFactor(recency, hit.at) } : hit))
      .filter(({ score }) => score >= minScore && score < below)
      .map((hit): PlacedHit => ({ hit, score: hit.score, row: 0, held: false }));
    return { recall, others, note };
  }

  /** The hits after `recall.after`, best first, read as far as they are wanted; `first` is the answer to `recall`. */
  async *#inOrder(
    recall: Recall,
    first: Recalled,
    others: readonly PlacedHit[],
    signal: AbortSignal | undefined,
  ): AsyncGenerator<PlacedHit> {
    const waiting = others.toSorted((a, b) => b.score - a.score);
    const seen = new Set<MemoryId>();
    for (let window = first; ; ) {
      const held = window.hits.map((hit, i): PlacedHit => {
        return { hit, score: hit.score, row: window.rows[i] ?? 0, held: true };
      });
      // The caller's own copy of a memory wins over one a miner returned.
      for (const { hit } of held) seen.add(hit.id);
      for (const one of held) {
        while ((waiting[0]?.score ?? 0) >= one.score) yield* unseen(waiting.shift(), seen);
        yield one;
      }
      const after = held.at(-1);
      if (!window.more || !after) break;
      signal?.throwIfAborted();
      window = await this.#deps.store.call("recall", { ...recall, after: { score: after.score, row: after.row } });
    }
    for (const one of waiting) yield* unseen(one, seen);
  }

  /** Without a vector the terms answer alone: a model that fails must not make memories unreachable. */
  async #vectorOf(parsed: ParsedQuery, mode: RecallMode, signal?: AbortSignal): Promise<QuestionVector> {
    if (mode === "keyword" || (parsed.foreign && mode === "hybrid")) return {};
    try {
      const vector = queryVector(await this.#deps.embedder.embed(parsed.embeddings, signal ? { signal } : {}));
      return vector?.some((value) => value !== 0) ? { vector } : {};
    } catch (error) {
      signal?.throwIfAborted();
      if (mode === "semantic") throw error;
      const why = embeddingFailure(error, "question not embedded", this.#deps.log);
      return { note: `answered by words alone: ${why}; see engram doctor` };
    }
  }
}

function* unseen(placed: PlacedHit | undefined, seen: Set<MemoryId>): Generator<PlacedHit> {
  if (!placed || seen.has(placed.hit.id)) return;
  seen.add(placed.hit.id);
  yield placed;
}
