import { EngramError, isEngramError } from "../../crypto/errors.ts";
import { shownName } from "../../crypto/namespace-name.ts";
import type { Embedder } from "../ports.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import { readCursor, writeCursor } from "./cursor.ts";
import { LIMITS, PUBLIC_SHOWN_NAME } from "./limits.ts";
import type { Hit, QueryInput, QueryResult } from "./memory.ts";
import { invalid } from "./memory-input.ts";
import { whyNoHits } from "./no-hits.ts";
import type { ParsedQuery, RecallMode } from "./recall/corpus.ts";
import { parseQuery, queryVector } from "./recall/query.ts";
import type { Replication } from "./replication-port.ts";
import type { MemoryStore } from "./store/memory-store.ts";
import type { Recall, Recalled, RecallPlace } from "./store/recall-operations.ts";
import type { VectorWriter } from "./vector-writer.ts";

const DEFAULT_HITS = 8;
/** What was stored a moment ago should be found by its meaning too; beyond this its terms must do. */
const VECTORS_WAIT_MS = 5_000;

export interface RecallerDeps {
  readonly store: MemoryStore;
  readonly embedder: Embedder;
  readonly vectors: VectorWriter;
  readonly replication: Replication;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Answers questions: own namespaces from the local index, the public space through the replication as well. */
export class Recaller {
  readonly #deps: RecallerDeps;

  constructor(deps: RecallerDeps) {
    this.#deps = deps;
  }

  async query(input: QueryInput, signal?: AbortSignal): Promise<QueryResult> {
    const question = checkQuery(input);
    signal?.throwIfAborted();
    const { recall, remote } = await this.#ask(input, question, signal);
    const merged = merge(recall, remote, question.limit);
    const last = merged.hits.at(-1);
    if (!last) return { hits: [], why: whyNoHits(recall.asked, question.minScore) };
    const hits = merged.hits.map(({ hit }) => hit);
    return merged.more ? { hits, next: writeCursor(question.identity, [last.score, last.row]) } : { hits };
  }

  async #ask(input: QueryInput, question: Question, signal: AbortSignal | undefined) {
    const { store, embedder, vectors, replication, clock } = this.#deps;
    const { namespaces, visibilities, mode, minScore, limit, after } = question;
    const speakers = await store.call("speakers", {
      visibilities,
      ...(namespaces === undefined ? {} : { namespaces }),
    });
    const parsed = parseQuery(question.query, { speakers, now: clock.now() });
    const remote = question.visibilities.includes("public")
      ? replication.publicRecall({ ...input, limit: question.limit }, signal)
      : Promise.resolve([]);
    const elsewhere =
      question.visibilities.includes("private") && mode !== "keyword"
        ? replication.remoteRecall({ ...input, limit, ...(namespaces === undefined ? {} : { namespaces }) }, signal)
        : Promise.resolve([]);
    const [vector] = await Promise.all([
      this.#vectorOf(parsed, question.mode, signal),
      question.mode === "keyword" ? undefined : vectors.waitFor(question.namespaces, VECTORS_WAIT_MS, signal),
    ]);
    signal?.throwIfAborted();
    const recall = await store.call("recall", {
      visibilities,
      query: parsed,
      profile: embedder.profile,
      mode,
      minScore,
      limit,
      now: clock.now(),
      ...(namespaces === undefined ? {} : { namespaces }),
      ...(vector === undefined ? {} : { vector }),
      ...(input.filter === undefined ? {} : { filter: input.filter }),
      ...(after === undefined ? {} : { after }),
    } satisfies Recall);
    const below = after?.score ?? Number.POSITIVE_INFINITY;
    const others = [...(await elsewhere), ...(await remote)].filter(
      (hit) => hit.score >= minScore && hit.score < below,
    );
    return { recall, remote: others };
  }

  /** Without a vector the terms answer alone: a model that fails must not make memories unreachable. */
  async #vectorOf(parsed: ParsedQuery, mode: RecallMode, signal?: AbortSignal): Promise<Float32Array | undefined> {
    if (mode === "keyword" || (parsed.foreign && mode === "hybrid")) return undefined;
    try {
      const vector = queryVector(await this.#deps.embedder.embed(parsed.embeddings, signal ? { signal } : {}));
      return vector?.some((value) => value !== 0) ? vector : undefined;
    } catch (error) {
      signal?.throwIfAborted();
      if (mode === "semantic") throw error;
      this.#deps.log.warn({ code: isEngramError(error) ? error.code : "UNKNOWN" }, "question not embedded");
      return undefined;
    }
  }
}

interface Question {
  readonly query: string;
  readonly namespaces?: readonly string[];
  readonly visibilities: readonly ("private" | "public")[];
  readonly mode: RecallMode;
  readonly minScore: number;
  readonly limit: number;
  readonly after?: RecallPlace;
  /** What a cursor is bound to. */
  readonly identity: unknown;
}

function checkQuery(input: QueryInput): Question {
  const { query, mode = "hybrid", minScore = 0, limit = DEFAULT_HITS } = input;
  if (query.trim() === "") throw invalid("an empty question finds nothing", "ask with words");
  if (query.length > LIMITS.query || !query.isWellFormed()) {
    throw invalid("this is not a usable question", `ask with at most ${LIMITS.query} characters of valid Unicode`);
  }
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMITS.queryHits) {
    throw invalid("`limit` is out of range", `ask for 1 to ${LIMITS.queryHits} hits`);
  }
  if (!(minScore >= 0 && minScore <= 1)) throw invalid("`min_score` is out of range", "give a number from 0 to 1");
  const { namespaces, visibilities } = checkScope(input);
  const identity = [query, namespaces, visibilities, mode, minScore, input.filter];
  const place = input.cursor === undefined ? undefined : readCursor(identity, input.cursor, 2);
  const after = place && { score: place[0] ?? 0, row: place[1] ?? 0 };
  return {
    ...{ query, visibilities, mode, minScore, limit, identity },
    ...(namespaces === undefined ? {} : { namespaces }),
    ...(after === undefined ? {} : { after }),
  };
}

function checkScope(input: QueryInput): Pick<Question, "namespaces" | "visibilities"> {
  const { namespaces, scope } = input;
  if (namespaces !== undefined && (namespaces.length === 0 || namespaces.length > LIMITS.namespacesPerQuery)) {
    throw invalid("`namespaces` is out of range", `name 1 to ${LIMITS.namespacesPerQuery}, or leave it out`);
  }
  const names = namespaces && [...new Set(namespaces.map(shownName))];
  // Naming the public space asks for it: nobody's private memory can be in it.
  const named = names?.includes(shownName(PUBLIC_SHOWN_NAME)) === true;
  const wanted = scope ?? (named ? "all" : "own");
  if (wanted === "public" && names && !(named && names.length === 1)) {
    throw new EngramError("INPUT_INVALID", "the public space has no namespaces", {
      fix: "leave out `namespaces`, or use scope `all`",
    });
  }
  const visibilities = { own: ["private"], public: ["public"], all: ["private", "public"] } as const;
  return { visibilities: visibilities[wanted], ...(names === undefined ? {} : { namespaces: names }) };
}

interface Placed extends RecallPlace {
  readonly hit: Hit;
}

/** The caller's own copy of a memory wins over one a miner returned. */
function merge(recall: Recalled, remote: readonly Hit[], limit: number) {
  const own = recall.hits.map((hit, i): Placed => ({ hit, score: hit.score, row: recall.rows[i] ?? 0 }));
  const known = new Set(own.map(({ hit }) => hit.id));
  const others = remote.filter((hit) => !known.has(hit.id)).map((hit): Placed => ({ hit, score: hit.score, row: 0 }));
  const all = [...own, ...others].sort((a, b) => b.score - a.score || a.row - b.row);
  return { hits: all.slice(0, limit), more: recall.more || all.length > limit };
}
