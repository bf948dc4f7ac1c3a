import type { Piece } from "./corpus.ts";

/**
 * What is embedded for a piece: who says it belongs to what it means. `previous` is the piece before it in its session,
 * where there is one; the caller passes it whenever it is known.
 */
export function embeddingText(piece: Piece, _previous?: Piece): string {
  return piece.speaker ? `${piece.speaker}: ${piece.text}` : piece.text;
}
