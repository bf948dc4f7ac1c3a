import type { Piece } from "./corpus.ts";

/**
 * What is embedded for a piece: who says it belongs to what it means. Nothing of its neighbours goes in: their cosines
 * are weighed in when ranking, which finds as much (measured), and a vector must not outlive the text it was made of.
 */
export function embeddingText(piece: Piece): string {
  return piece.speaker ? `${piece.speaker}: ${piece.text}` : piece.text;
}
