import type { CorpusView, Piece, Postings, RankedPiece, RecallMode } from "../../src/node/client/recall/corpus.ts";
import { parseQuery } from "../../src/node/client/recall/query.ts";
import { rank } from "../../src/node/client/recall/rank.ts";
import { indexPiece } from "../../src/node/client/recall/terms.ts";

export interface TestPiece extends Piece {
  readonly session?: number;
  /** Pieces of one memory share it; a memory of its own when absent. */
  readonly memory?: number;
}

export interface TestCorpus {
  readonly view: CorpusView;
  readonly postings: ReadonlyMap<string, Postings>;
}

/** A namespace as the store would build it, pieces in the order given. */
export function corpusOf(pieces: readonly TestPiece[]): TestCorpus {
  const speakers = [...new Set(pieces.flatMap(({ speaker }) => (speaker === undefined ? [] : [speaker])))];
  const session = pieces.map((piece) => piece.session ?? 0);
  const indexed = pieces.map(indexPiece);
  const lists = new Map<string, { position: number; count: number }[]>();
  indexed.forEach(({ terms }, position) => {
    for (const [term, count] of terms) lists.set(term, [...(lists.get(term) ?? []), { position, count }]);
  });
  const postings = [...lists].map(([term, list]): [string, Postings] => [
    term,
    {
      positions: Int32Array.from(list, ({ position }) => position),
      counts: Uint16Array.from(list, ({ count }) => count),
    },
  ]);
  const view: CorpusView = {
    size: pieces.length,
    lengths: Float32Array.from(indexed, ({ length }) => length),
    memory: Int32Array.from(pieces, (piece, i) => piece.memory ?? i),
    session: Int32Array.from(session),
    at: Float64Array.from(pieces, ({ at }) => at ?? Number.NaN),
    speaker: Int32Array.from(pieces, ({ speaker }) => (speaker === undefined ? -1 : speakers.indexOf(speaker))),
    previous: Int32Array.from(session, (one, i) => (i === 0 ? -1 : session.lastIndexOf(one, i - 1))),
    next: Int32Array.from(session, (one, i) => session.indexOf(one, i + 1)),
    traits: Uint8Array.from(indexed, ({ traits }) => traits),
    speakers,
  };
  return { view, postings: new Map(postings) };
}

export interface TestQuestion {
  readonly cosine?: readonly number[];
  readonly mode?: RecallMode;
  readonly allowed?: readonly number[];
  readonly now?: number;
  readonly limit?: number;
  /** Half-life in days; with `now`. */
  readonly recency?: number;
}

export function ask({ view, postings }: TestCorpus, question: string, options: TestQuestion = {}): RankedPiece[] {
  const query = parseQuery(question, {
    speakers: view.speakers,
    ...(options.now === undefined ? {} : { now: options.now }),
  });
  const asked = [...query.terms.keys()].flatMap((term): [string, Postings][] => {
    const found = postings.get(term);
    return found ? [[term, found]] : [];
  });
  return rank(
    view,
    {
      query,
      postings: new Map(asked),
      mode: options.mode,
      recency: options.recency === undefined ? undefined : { halfLifeDays: options.recency, now: options.now ?? 0 },
      cosine: options.cosine && Float32Array.from(options.cosine),
      allowed: options.allowed && Uint8Array.from(options.allowed),
    },
    options.limit ?? 10,
  );
}

export const positions = (found: readonly RankedPiece[]): number[] => found.map(({ position }) => position);
