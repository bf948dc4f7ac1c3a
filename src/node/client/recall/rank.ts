import { wallClock } from "../../runtime/wall-clock.ts";
import { type CorpusView, PieceTrait, type RankedPiece, type RankInput } from "./corpus.ts";
import { cosineInContext, type KnownCosines, knownCosines } from "./cosine-context.ts";
import { dateMatcher } from "./date-match.ts";
import { type LexicalScores, lexicalScores } from "./lexical.ts";
import { LIST_RANKING, RANKING, type Ranking } from "./ranking.ts";
import { type Recency, recencyFactor } from "./recency.ts";
import { nameWords } from "./speakers.ts";
import { stem } from "./stem.ts";
import { topMemories } from "./top-memories.ts";

/** Below this evidence fades and never ends: a piece that has something of the question is found, whatever else it is. */
const LEAST = 1e-3;

/**
 * Ranks a namespace for one query: O(pieces + postings), the best `limit` memories first.
 *
 * hybrid: cosines with their neighbours', plus, as far as the words of the question are found at all (`trust`), the
 * lexical score with its neighbours' words, plus what speaker, date, session and kind of sentence say. keyword: the
 * same without cosines. semantic: the bare cosine. Scores are in 0..1: the cosine itself in semantic mode, else
 * `shownScore` of the evidence, which orders as the evidence does; times `recencyFactor`, where the question asks for it.
 */
export function rank(view: CorpusView, input: RankInput, limit: number): RankedPiece[] {
  const ranking = input.query.asksForSeveral ? LIST_RANKING : RANKING;
  const mode = input.mode ?? "hybrid";
  const usable = mode !== "keyword" && input.cosine && !input.query.foreign;
  const cosines = usable && input.cosine ? knownCosines(view, input.cosine) : undefined;
  if (mode === "semantic") {
    const scores = input.cosine && cosines ? bareCosines(view, input.cosine) : new Float32Array(view.size);
    return topMemories(view, aged(view, scores, input.recency), input.allowed, limit);
  }
  const scores = evidence(view, input, cosines, ranking);
  if (input.recency) {
    for (let i = 0; i < view.size; i++) scores[i] = shownScore(scores[i] ?? 0);
    return topMemories(view, aged(view, scores, input.recency), input.allowed, limit);
  }
  const found = topMemories(view, scores, input.allowed, limit);
  return found.map((piece) => ({ ...piece, score: shownScore(piece.score) }));
}

/** `scores`, less what the pieces' age costs them. */
function aged(view: CorpusView, scores: Float32Array, recency: Recency | undefined): Float32Array {
  if (!recency) return scores;
  for (let i = 0; i < view.size; i++) {
    scores[i] = (scores[i] ?? 0) * recencyFactor(recency, view.at[i] ?? Number.NaN);
  }
  return scores;
}

/** Unrelated memories lie below 0.2, a paraphrase about 0.4, one that answers in the question's own words above 0.7. */
function shownScore(evidence: number): number {
  return 1 - Math.exp(-((evidence / 1.2) ** 2));
}

function bareCosines(view: CorpusView, cosine: Float32Array): Float32Array {
  const scores = new Float32Array(view.size);
  for (let i = 0; i < view.size; i++) {
    const value = cosine[i] ?? 0;
    const foreign = ((view.traits[i] ?? 0) & PieceTrait.foreign) !== 0;
    scores[i] = foreign || !(value > 0) ? 0 : Math.min(1, value);
  }
  return scores;
}

function evidence(
  view: CorpusView,
  input: RankInput,
  cosines: KnownCosines | undefined,
  ranking: Ranking,
): Float32Array {
  const { query, postings } = input;
  const cosine = cosines && cosineInContext(view, cosines, ranking.cosine);
  const named = namedSpeakers(view, query.words);
  const lexical = lexicalScores(view, query, postings, named.terms, ranking.lexical);
  // Without cosines the words are all there is to go by, chance or not, and stand for both.
  const trust = cosine ? trusted(lexical, ranking) : ranking.wordsAlone;
  const bonus = columnBonus(view, input, named.speakers, trust, ranking);
  const scores = new Float32Array(view.size);
  for (let i = 0; i < view.size; i++) {
    const text = lexical.text[i] ?? 0;
    const isNamed = named.speakers[view.speaker[i] ?? -1] === 1;
    // Speaker, date and session only order what text or meaning found; a named speaker's words are found by the name.
    const found = text > 0 || (cosines?.values[i] ?? 0) > 0 || (isNamed && query.terms.size === named.terms.size);
    if (!found) continue;
    const session = trust * ranking.session * (lexical.session[view.session[i] ?? -1] ?? 0);
    scores[i] = positive((cosine?.[i] ?? 0) + trust * text + session + (bonus[i] ?? 0));
  }
  return scores;
}

/** In the order of `sum`, above 0: what much speaks against must not tie with what nothing speaks for. */
function positive(sum: number): number {
  return sum > LEAST ? sum : LEAST * Math.exp(sum - LEAST);
}

function trusted(lexical: LexicalScores, { trust }: Ranking): number {
  return Math.max(0, Math.min(1, (lexical.best - trust.from) / (trust.to - trust.from)));
}

/** What speaker, date and kind of sentence say, by position. */
function columnBonus(
  view: CorpusView,
  { query }: RankInput,
  speakers: Uint8Array,
  trust: number,
  ranking: Ranking,
): Float32Array {
  const { dates, asksWhen } = query;
  const timed = asksWhen ? trust * ranking.timed : 0;
  const fits = dates && dateMatcher(dates);
  const bonus = new Float32Array(view.size);
  for (let i = 0; i < view.size; i++) {
    const traits = view.traits[i] ?? 0;
    let sum = speakers[view.speaker[i] ?? -1] === 1 ? ranking.speaker : 0;
    if (traits & PieceTrait.timed) sum += timed;
    if (traits & PieceTrait.question) sum -= ranking.question;
    if (fits) sum += ranking.date * fits(wallClock(view.at[i] ?? Number.NaN));
    bonus[i] = sum;
  }
  return bonus;
}

/** Whom the question names, by speaker ordinal, and the terms of these names: they say who, not what. */
function namedSpeakers(view: CorpusView, words: ReadonlySet<string>) {
  const speakers = new Uint8Array(view.speakers.length);
  const terms = new Set<string>();
  view.speakers.forEach((speaker, ordinal) => {
    for (const word of nameWords(speaker)) {
      if (!words.has(word)) continue;
      speakers[ordinal] = 1;
      terms.add(stem(word));
    }
  });
  return { speakers, terms };
}
