import { type IndexedPiece, type Piece, PieceTrait } from "./corpus.ts";
import { isForeign } from "./language.ts";
import { stem } from "./stem.ts";
import { STOP_WORDS, TIME_WORDS } from "./stop-words.ts";

/** Scripts written without blanks between words. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]+/gu;

/** Words as indexed, before stemming: compatibility forms folded, lower case, letters and digits. */
export function splitWords(text: string): string[] {
  return (
    text
      .normalize("NFKC")
      .toLowerCase()
      .match(/[\p{L}\p{M}\p{N}]+/gu) ?? []
  );
}

/** Word terms of a text in order: no stop words, stems of the others. */
export function wordTerms(text: string, stopWords: ReadonlySet<string> = STOP_WORDS): string[] {
  return splitWords(text.replace(UNSPACED, " "))
    .filter((word) => !stopWords.has(word))
    .map(stem);
}

/**
 * Pieces of words, marked with `~`: pairs of characters where a script has no blanks, else trigrams of the word
 * between its edges. Inflected words of a language nobody stems here still share most of them. One list per word.
 */
export function gramTerms(text: string): string[][] {
  const normal = text.normalize("NFKC").toLowerCase();
  const unspaced = (normal.match(UNSPACED) ?? []).map((run) => grams(run, 2));
  const spaced = splitWords(normal.replace(UNSPACED, " ")).map((word) => grams(`_${word}_`, 3));
  return [...unspaced, ...spaced];
}

function grams(word: string, size: number): string[] {
  const symbols = [...word];
  if (symbols.length <= size) return [`~${word}`];
  return symbols.slice(size - 1).map((_, i) => `~${symbols.slice(i, i + size).join("")}`);
}

/** The terms and traits the store keeps for a piece. Speaker and date are columns of the corpus, not terms. */
export function indexPiece(piece: Piece): IndexedPiece {
  const foreign = isForeign(piece.text);
  const list = wordTerms(piece.text);
  const all = foreign ? [...list, ...gramTerms(piece.text).flat()] : list;
  const terms = new Map<string, number>();
  for (const term of all) terms.set(term, (terms.get(term) ?? 0) + 1);
  const asks = /[?？؟][\s"'”’)]*$/u.test(piece.text);
  const timed = splitWords(piece.text).some((word) => TIME_WORDS.has(word));
  const traits = (asks ? PieceTrait.question : 0) | (foreign ? PieceTrait.foreign : 0) | (timed ? PieceTrait.timed : 0);
  return { terms, length: list.length, traits };
}
