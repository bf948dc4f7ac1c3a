import { type CorpusView, type ParsedQuery, PieceTrait, type Postings } from "./corpus.ts";

/** How words of the question count in and around a piece. */
export interface LexicalWeights {
  /** BM25's saturation and length normalisation. */
  readonly k1: number;
  readonly b: number;
  /** What a word in the piece before, after, or two away adds to the piece's own count of it. */
  readonly before: number;
  readonly after: number;
  readonly twoAway: number;
  /** Added to `before` when that piece is a question: this one answers it. */
  readonly answered: number;
  /** The part of a piece's strongest word that may be chance: one word alone is found in many a piece. */
  readonly chance: number;
}

export interface LexicalScores {
  /** BM25 by position, as a share of what the question's words are worth together: about 0..1. */
  readonly text: Float32Array;
  /** By session ordinal: the share of the question's words, by worth, that the session has anywhere. */
  readonly session: Float32Array;
  /** The best `text` of all, less what may be chance: how far the question's words are to be trusted. */
  readonly best: number;
}

interface Scratch {
  readonly view: CorpusView;
  readonly weights: LexicalWeights;
  readonly meanLength: number;
  /** The current term's count by position, its neighbours' shares included; zero between terms. */
  readonly counts: Float32Array;
  readonly touched: Int32Array;
  /** Last term seen in a session, by its ordinal. */
  readonly stamp: Int32Array;
  used: number;
}

/**
 * BM25 in which the words of neighbouring pieces count too, at a discount, before saturation: a question's words are
 * often split between a turn and the one it answers. O(pieces + postings). `skipped` are words that name a speaker.
 */
export function lexicalScores(
  view: CorpusView,
  query: ParsedQuery,
  postings: ReadonlyMap<string, Postings>,
  skipped: ReadonlySet<string>,
  weights: LexicalWeights,
): LexicalScores {
  const scratch = makeScratch(view, weights);
  const text = new Float32Array(view.size);
  const strongest = new Float32Array(view.size);
  const session = new Float32Array(scratch.stamp.length);
  let worth = 0;
  let order = 0;
  for (const [term, weight] of query.terms) {
    if (skipped.has(term)) continue;
    const found = postings.get(term);
    const rows = found?.positions.length ?? 0;
    const idf = weight * Math.log(1 + (view.size - rows + 0.5) / (rows + 0.5));
    worth += idf;
    if (!found) continue;
    order++;
    countTerm(scratch, found);
    markSessions(scratch, found, order, idf, session);
    addTerm(scratch, idf, text, strongest);
  }
  let best = 0;
  if (worth > 0) {
    for (let i = 0; i < text.length; i++) {
      const share = (text[i] ?? 0) / worth;
      text[i] = share;
      best = Math.max(best, share - (weights.chance * (strongest[i] ?? 0)) / worth);
    }
    for (let i = 0; i < session.length; i++) session[i] = (session[i] ?? 0) / worth;
  }
  return { text, session, best };
}

function makeScratch(view: CorpusView, weights: LexicalWeights): Scratch {
  let total = 0;
  let sessions = 0;
  for (let i = 0; i < view.size; i++) {
    total += view.lengths[i] ?? 0;
    sessions = Math.max(sessions, (view.session[i] ?? 0) + 1);
  }
  return {
    view,
    weights,
    meanLength: Math.max(1, total / Math.max(1, view.size)),
    counts: new Float32Array(view.size),
    touched: new Int32Array(view.size),
    stamp: new Int32Array(sessions),
    used: 0,
  };
}

function countTerm(scratch: Scratch, { positions, counts }: Postings): void {
  const { view, weights } = scratch;
  for (let i = 0; i < positions.length; i++) {
    const position = positions[i] ?? -1;
    const next = view.next[position] ?? -1;
    const previous = view.previous[position] ?? -1;
    const asked = ((view.traits[position] ?? 0) & PieceTrait.question) !== 0;
    add(scratch, position, counts[i] ?? 1);
    add(scratch, next, weights.before + (asked ? weights.answered : 0));
    add(scratch, previous, weights.after);
    if (next >= 0) add(scratch, view.next[next] ?? -1, weights.twoAway);
    if (previous >= 0) add(scratch, view.previous[previous] ?? -1, weights.twoAway);
  }
}

function add(scratch: Scratch, position: number, count: number): void {
  if (position < 0 || position >= scratch.counts.length || count <= 0) return;
  const before = scratch.counts[position] ?? 0;
  if (before === 0) scratch.touched[scratch.used++] = position;
  scratch.counts[position] = before + count;
}

function markSessions(
  { view, stamp }: Scratch,
  { positions }: Postings,
  order: number,
  idf: number,
  session: Float32Array,
): void {
  for (const position of positions) {
    const ordinal = view.session[position] ?? -1;
    if (ordinal < 0 || stamp[ordinal] === order) continue;
    stamp[ordinal] = order;
    session[ordinal] = (session[ordinal] ?? 0) + idf;
  }
}

function addTerm(scratch: Scratch, idf: number, text: Float32Array, strongest: Float32Array): void {
  const { k1, b } = scratch.weights;
  for (let i = 0; i < scratch.used; i++) {
    const position = scratch.touched[i] ?? 0;
    const count = scratch.counts[position] ?? 0;
    const length = (scratch.view.lengths[position] ?? 0) / scratch.meanLength;
    const score = (idf * count * (k1 + 1)) / (count + k1 * (1 - b + b * length));
    text[position] = (text[position] ?? 0) + score;
    if (score > (strongest[position] ?? 0)) strongest[position] = score;
    scratch.counts[position] = 0;
  }
  scratch.used = 0;
}
