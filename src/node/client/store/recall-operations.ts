import type { EmbeddingProfile } from "../../ports.ts";
import { type Filter, matches } from "../../protocol/filter.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import type { ScanClient } from "../../vectors/scan/scan-client.ts";
import type { Hit } from "../memory.ts";
import type { ParsedQuery, Postings, RecallMode } from "../recall/corpus.ts";
import { rank } from "../recall/rank.ts";
import type { Recency } from "../recall/recency.ts";
import type { Corpus } from "./corpus.ts";
import { CorpusCache } from "./corpus-cache.ts";
import { asMemory, indexNumber, type MemoryRow, readContent, SELECT_MEMORY } from "./memory-rows.ts";

export interface Recall {
  /** Shown names; all namespaces of these visibilities when absent. */
  readonly namespaces?: readonly string[];
  readonly visibilities: readonly ("private" | "public")[];
  readonly query: ParsedQuery;
  /** Absent: terms alone. */
  readonly vector?: Float32Array;
  readonly profile: EmbeddingProfile;
  readonly mode: RecallMode;
  readonly filter?: Filter;
  readonly minScore: number;
  readonly limit: number;
  /** The last hit of the page before. */
  readonly after?: RecallPlace;
  readonly recency?: Recency;
  readonly now: number;
}

/** A place in the order of hits: falling score, then rising row. */
export interface RecallPlace {
  readonly score: number;
  readonly row: number;
}

export interface Recalled {
  readonly hits: readonly Hit[];
  /** Rows of the hits, for the place a next page begins after. */
  readonly rows: readonly number[];
  /** More hits follow. */
  readonly more: boolean;
  /** What an answer without hits is explained with. */
  readonly asked: {
    /** Best score of all, below the threshold too. */
    readonly best: number;
    /** Pieces that passed filter and lifetime. */
    readonly pieces: number;
    readonly unknown: readonly string[];
    readonly known: readonly string[];
  };
}

/** Nobody reads deeper than this; beyond it a better question helps. */
const DEPTH = 1_000;

export function recallOperations(database: SqliteDatabase, scan: ScanClient) {
  const cache = new CorpusCache(database, scan);
  const namespaces = database.prepare<[], { id: number; name: string; visibility: "private" | "public" }>(
    "SELECT id, name, visibility FROM namespace",
  );
  const posting = database
    .prepare<[number, number], readonly [piece: number, count: number]>(
      "SELECT piece, count FROM posting WHERE namespace = ? AND term = ?",
    )
    .raw();
  const contents = database.prepare<[number], { row: number; content: string }>(
    "SELECT m.row, CAST(c.bytes AS TEXT) AS content FROM memory m JOIN content c ON c.id = m.content WHERE m.namespace = ?",
  );
  const byRow = database.prepare<[number], MemoryRow>(`${SELECT_MEMORY} WHERE m.row = ?`);
  let running: Promise<unknown> = Promise.resolve();

  return {
    reads: {
      /** One at a time: a question's positions must still hold when its scores arrive from the scan. */
      recall: (input: Recall): Promise<Recalled> => {
        const result = running.then(() => recall(input));
        running = result.catch(() => undefined);
        return result;
      },
      /** Everybody who speaks in these namespaces: a question that names one is embedded in their words. */
      speakers: (input: Pick<Recall, "namespaces" | "visibilities">): readonly string[] => {
        cache.refresh();
        return [...new Set(chosenOf(input).chosen.flatMap(({ id }) => cache.corpus(id).speakers))];
      },
    },
    writes: {},
  };

  async function recall(input: Recall): Promise<Recalled> {
    cache.refresh();
    const { known, chosen } = chosenOf(input);
    const found: RecallPlace[] = [];
    let pieces = 0;
    for (const { id } of chosen) {
      const ranked = await rankNamespace(id, input);
      found.push(...ranked.found);
      pieces += ranked.pieces;
    }
    found.sort((a, b) => b.score - a.score || a.row - b.row);
    const best = found[0]?.score ?? 0;
    const page = found.filter((place) => place.score >= input.minScore && isAfter(place, input.after));
    const unknown = (input.namespaces ?? []).filter((name) => !known.some((one) => one.name === name));
    return { ...read(page, input), asked: { best, pieces, unknown, known: known.map(({ name }) => name) } };
  }

  function chosenOf(input: Pick<Recall, "namespaces" | "visibilities">) {
    const known = namespaces.all().filter(({ visibility }) => input.visibilities.includes(visibility));
    return { known, chosen: input.namespaces ? known.filter(({ name }) => input.namespaces?.includes(name)) : known };
  }

  async function rankNamespace(namespace: number, input: Recall) {
    const { query, mode, vector, profile, recency, now } = input;
    const cosines = vector && mode !== "keyword" ? await cache.scores(namespace, profile, vector) : undefined;
    // From here on nothing waits: the corpus, the postings and the rows are of one moment.
    const corpus = cache.corpus(namespace);
    if (corpus.size === 0) return { found: [], pieces: 0 };
    const { allowed, pieces } = allowedPieces(corpus, namespace, input.filter, now);
    const depth = input.after === undefined ? input.limit + 1 : DEPTH;
    const cosine = cosines && spread(corpus, cosines.rows, cosines.scores);
    const postings = mode === "semantic" ? new Map<string, Postings>() : postingsOf(corpus, namespace, query);
    const ranked = rank(corpus, { query, mode, cosine, postings, allowed, recency }, depth);
    const found = ranked.flatMap(({ position, score }): RecallPlace[] =>
      score > 0 ? [{ score, row: corpus.memories[position] as number }] : [],
    );
    return { found, pieces };
  }

  function allowedPieces(corpus: Corpus, namespace: number, filter: Filter | undefined, now: number) {
    const passing = filter && passingMemories(namespace, filter);
    const allowed = new Uint8Array(corpus.size);
    let pieces = 0;
    for (let position = 0; position < corpus.size; position++) {
      if ((corpus.expires[position] as number) <= now) continue;
      if (passing?.has(corpus.memories[position] as number) === false) continue;
      allowed[position] = 1;
      pieces++;
    }
    return { allowed, pieces };
  }

  function passingMemories(namespace: number, filter: Filter): ReadonlySet<number> {
    const passing = new Set<number>();
    for (const { row, content } of contents.iterate(namespace)) {
      if (matches(filter, readContent(content).metadata)) passing.add(row);
    }
    return passing;
  }

  function postingsOf(corpus: Corpus, namespace: number, query: ParsedQuery): Map<string, Postings> {
    const postings = new Map<string, Postings>();
    for (const term of query.terms.keys()) {
      const rows = posting.all(namespace, indexNumber(term));
      if (rows.length > 0) postings.set(term, placesOf(corpus, rows));
    }
    return postings;
  }

  /** The page's memories; one that another process deleted a moment ago is left out. */
  function read(page: readonly RecallPlace[], { limit }: Recall) {
    const hits: Hit[] = [];
    const rows: number[] = [];
    for (const { score, row } of page.slice(0, limit)) {
      const memory = byRow.get(row);
      if (!memory) continue;
      const { owner } = memory;
      hits.push({ ...asMemory(memory), score, ...(owner === null ? { tier: "own" } : { tier: "shared", owner }) });
      rows.push(row);
    }
    return { hits, rows, more: page.length > limit };
  }
}

/** In rising positions, as they nearly always are in the index; what was forgotten a moment ago is left out. */
function placesOf(corpus: Corpus, rows: readonly (readonly [piece: number, count: number])[]): Postings {
  const positions = new Int32Array(rows.length);
  const counts = new Uint16Array(rows.length);
  let size = 0;
  let sorted = true;
  for (const [piece, count] of rows) {
    const position = corpus.positionOf(piece);
    if (position === undefined) continue;
    sorted &&= size === 0 || position > (positions[size - 1] as number);
    positions[size] = position;
    counts[size++] = Math.min(count, 0xffff);
  }
  if (sorted) return { positions: positions.subarray(0, size), counts: counts.subarray(0, size) };
  const order = Array.from({ length: size }, (_, i) => i).sort((a, b) => (positions[a] ?? 0) - (positions[b] ?? 0));
  return {
    positions: Int32Array.from(order, (i) => positions[i] ?? 0),
    counts: Uint16Array.from(order, (i) => counts[i] ?? 0),
  };
}

function isAfter(place: RecallPlace, after: RecallPlace | undefined): boolean {
  if (!after) return true;
  return place.score < after.score || (place.score === after.score && place.row > after.row);
}

function spread(corpus: Corpus, rows: Float64Array, scores: Float32Array): Float32Array {
  const cosine = new Float32Array(corpus.size).fill(Number.NaN);
  for (let i = 0; i < rows.length; i++) {
    const position = corpus.positionOf(rows[i] as number);
    if (position !== undefined) cosine[position] = scores[i] as number;
  }
  return cosine;
}
