import type { IndexedPiece, ParsedQuery, Piece } from "./corpus.ts";
import { stem } from "./stem.ts";

const words = (text: string): string[] =>
  (
    text
      .normalize("NFKC")
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  ).map(stem);

/** The terms and traits the store keeps for a piece. */
export function indexPiece(piece: Piece): IndexedPiece {
  const terms = new Map<string, number>();
  const list = words(piece.text);
  for (const term of list) terms.set(term, (terms.get(term) ?? 0) + 1);
  return { terms, length: list.length, traits: 0 };
}

/** The question as terms, by the same rules as the memories. */
export function parseQuery(text: string): ParsedQuery {
  return { text, terms: new Map(words(text).map((term) => [term, 1])), embedding: text, foreign: false };
}
