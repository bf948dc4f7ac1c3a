import type { DateMention } from "./date-match.ts";
import type { Recency } from "./recency.ts";

/**
 * One namespace as the ranker sees it: a column per property, an entry per indexed piece. A piece is a whole memory or
 * one part of a long one. Positions are the store's own; ranking needs no order among them beyond breaking ties, and
 * reads the order of a session from `previous` and `next` alone, so that appending never moves a row.
 */
export interface CorpusView {
  /** Number of pieces; every column holds at least this many entries (columns may have spare room at the end). */
  readonly size: number;
  /** `IndexedPiece.length`: how many terms the piece's own text has. */
  readonly lengths: Float32Array;
  /** Ordinal of the memory; the parts of one memory share it. */
  readonly memory: Int32Array;
  /** Ordinal of the session. */
  readonly session: Int32Array;
  /** When it happened, in ms since the epoch; NaN when unknown. */
  readonly at: Float64Array;
  /** Index into `speakers`, -1 when nobody is named. */
  readonly speaker: Int32Array;
  /** Position of the piece before and after it in the same session (by seq, then part), -1 at the ends. */
  readonly previous: Int32Array;
  readonly next: Int32Array;
  /** Bits of `PieceTrait`, `IndexedPiece.traits`. */
  readonly traits: Uint8Array;
  /** The speakers' names as given, by ordinal. */
  readonly speakers: readonly string[];
}

/** Where a term occurs: ascending positions, and how often in each. */
export interface Postings {
  readonly positions: Int32Array;
  readonly counts: Uint8Array | Uint16Array;
}

/** What can be said of a piece from its text alone, once, when it is stored. */
export const PieceTrait = {
  /** It asks something: the piece after it probably answers. */
  question: 1,
  /** The built-in model does not know its language: its vector says nothing and it is found by its terms. */
  foreign: 2,
  /** It names a moment, as an answer to "when" does. */
  timed: 4,
} as const;

/** What a store knows of a piece when it indexes it. */
export interface Piece {
  readonly text: string;
  readonly speaker?: string | undefined;
  /** ms since the epoch. */
  readonly at?: number | undefined;
}

/** What the store keeps of a piece beside its text. */
export interface IndexedPiece {
  /** Term → how often: stems of the text's words; word pieces, marked `~`, where the language is foreign. */
  readonly terms: ReadonlyMap<string, number>;
  /** Number of terms of the text alone, repeated ones counted. */
  readonly length: number;
  /** Bits of `PieceTrait`. */
  readonly traits: number;
}

/** A question, made ready by `parseQuery`; its terms are looked up in the postings before ranking. */
export interface ParsedQuery {
  readonly text: string;
  /** Term → weight (1 = an ordinary word of the question). Fetch the postings of exactly these. */
  readonly terms: ReadonlyMap<string, number>;
  /** All its words in lower case: whom it names. */
  readonly words: ReadonlySet<string>;
  /** What is embedded for it; its vector is `queryVector` of theirs. */
  readonly embeddings: readonly string[];
  /** The model does not know its language: only terms count. */
  readonly foreign: boolean;
  /** It asks for a list, whose items were told here and there. */
  readonly asksForSeveral: boolean;
  /** It asks for a moment or a duration. */
  readonly asksWhen: boolean;
  readonly dates: DateMention | undefined;
}

/** hybrid is the default; semantic = the vector alone; keyword = the terms alone. */
export type RecallMode = "hybrid" | "semantic" | "keyword";

export interface RankInput {
  /**
   * Cosine of the query's and the piece's vector by position; NaN where the piece has no vector yet.
   * Undefined when the query has none (mode keyword, or a foreign query).
   */
  readonly cosine?: Float32Array | undefined;
  /** Postings of the query's terms; a term nobody uses is absent. */
  readonly postings: ReadonlyMap<string, Postings>;
  readonly query: ParsedQuery;
  /** 0 = may not be returned (filtered out, expired); it still lends context to its neighbours. All, when undefined. */
  readonly allowed?: Uint8Array | undefined;
  readonly mode?: RecallMode | undefined;
  /** Absent: age counts nothing. */
  readonly recency?: Recency | undefined;
}

/** One memory found, best first; ties go to the lower position. */
export interface RankedPiece {
  /** The memory's best piece. */
  readonly position: number;
  /** Ordinal of the memory. */
  readonly memory: number;
  /** 0..1, comparable between queries; what `min_score` is applied to. */
  readonly score: number;
}
