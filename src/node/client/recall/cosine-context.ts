import { type CorpusView, PieceTrait } from "./corpus.ts";

/** How much the cosines around a piece count beside its own. */
export interface CosineWeights {
  readonly own: number;
  readonly before: number;
  readonly after: number;
  readonly twoBefore: number;
}

export interface KnownCosines {
  readonly values: Float32Array;
  readonly mean: number;
}

/**
 * Cosines usable for ranking: a piece without a vector, or in a language the model does not know, gets the mean of the
 * others, which neither helps nor harms it. Undefined when no piece has one.
 */
export function knownCosines(view: CorpusView, cosine: Float32Array): KnownCosines | undefined {
  let sum = 0;
  let known = 0;
  for (let i = 0; i < view.size; i++) {
    if (!isKnown(view, cosine, i)) continue;
    sum += cosine[i] ?? 0;
    known++;
  }
  if (known === 0) return undefined;
  const mean = sum / known;
  const values = new Float32Array(view.size).fill(mean);
  for (let i = 0; i < view.size; i++) if (isKnown(view, cosine, i)) values[i] = cosine[i] ?? mean;
  return { values, mean };
}

/** Each piece's cosine with those of the turns around it; at the ends of a session the mean stands in. */
export function cosineInContext(
  view: CorpusView,
  { values, mean }: KnownCosines,
  weights: CosineWeights,
): Float32Array {
  const at = (position: number): number => (position < 0 ? mean : (values[position] ?? mean));
  const scores = new Float32Array(view.size);
  for (let i = 0; i < view.size; i++) {
    const previous = view.previous[i] ?? -1;
    const twoBefore = previous < 0 ? -1 : (view.previous[previous] ?? -1);
    scores[i] =
      weights.own * at(i) +
      weights.before * at(previous) +
      weights.after * at(view.next[i] ?? -1) +
      weights.twoBefore * at(twoBefore);
  }
  return scores;
}

function isKnown(view: CorpusView, cosine: Float32Array, position: number): boolean {
  const foreign = ((view.traits[position] ?? 0) & PieceTrait.foreign) !== 0;
  return !foreign && Number.isFinite(cosine[position]);
}
