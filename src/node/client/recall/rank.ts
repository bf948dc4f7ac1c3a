import type { CorpusView, RankedPiece, RankInput } from "./corpus.ts";

/** The weights of the ranking; `RANKING` is what the product uses. */
export interface Ranking {
  readonly lexical: number;
}

export const RANKING: Ranking = { lexical: 1 };

/** Ranks a namespace for one query: O(pieces + postings), best `limit` memories first. */
export function rank(view: CorpusView, input: RankInput, limit: number, _ranking: Ranking = RANKING): RankedPiece[] {
  const best = new Map<number, RankedPiece>();
  for (let position = 0; position < view.size; position++) {
    if (input.allowed?.[position] === 0) continue;
    const memory = view.memory[position] ?? position;
    const score = Math.max(0, Math.min(1, input.cosine?.[position] ?? 0));
    const known = best.get(memory);
    if (!known || known.score < score) best.set(memory, { position, memory, score });
  }
  return [...best.values()].sort((a, b) => b.score - a.score || a.position - b.position).slice(0, limit);
}
