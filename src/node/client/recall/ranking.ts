import type { CosineWeights } from "./cosine-context.ts";
import type { LexicalWeights } from "./lexical.ts";

/** Every number of the ranking. */
export interface Ranking {
  readonly lexical: LexicalWeights;
  readonly cosine: CosineWeights;
  /** A best lexical score up to `from` is chance, from `to` on it is meant; between them trust grows evenly. */
  readonly trust: { readonly from: number; readonly to: number };
  /** What lexical scores count times where there are no cosines. */
  readonly wordsAlone: number;
  /** For the words that the session has anywhere. */
  readonly session: number;
  /** For a piece that names a moment, when the question asks for one. */
  readonly timed: number;
  /** For a piece of a speaker whom the question names. */
  readonly speaker: number;
  /** For each point of `dateMatcher`. */
  readonly date: number;
  /** Taken from a piece that is itself a question. */
  readonly question: number;
}

/**
 * Fitted by listwise logistic regression on conversations with known evidence, checked by leaving one conversation out
 * at a time, then rounded. The unit is a lexical score in which every word of the question is found.
 */
export const RANKING: Ranking = {
  lexical: { k1: 0.3, b: 0.1, before: 0.5, after: 0.3, twoAway: 0.2, answered: 0.5, chance: 0.5 },
  cosine: { own: 1.5, before: 0.5, after: 0.3, twoBefore: 0.4 },
  trust: { from: 0.15, to: 0.35 },
  wordsAlone: 1.6,
  session: 0.45,
  timed: 0.35,
  speaker: 0.2,
  date: 0.8,
  question: 0.27,
};

/**
 * For a question that wants a list: its items are told in many sessions, so the company they are told in counts less and
 * what each says itself counts more. Fitted on half of the conversations, checked on the other, both ways.
 */
export const LIST_RANKING: Ranking = {
  ...RANKING,
  lexical: { ...RANKING.lexical, before: 0.25, after: 0.15, twoAway: 0.1 },
  cosine: { own: 1.9, before: 0.25, after: 0.15, twoBefore: 0.2 },
  session: 0.09,
};
