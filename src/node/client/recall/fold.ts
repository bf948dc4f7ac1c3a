import { wallClock } from "../../runtime/wall-clock.ts";
import { stem } from "./stem.ts";
import { TIME_WORDS, words } from "./stop-words.ts";
import { splitWords } from "./terms.ts";

const DAY_MS = 86_400_000;
/** Words that may differ between two ways of saying the same; every other word, of whichever language, is compared. */
const EMPTY = words("a an the am is are");
const NEGATIONS = new Set([...words("not no nor never none nobody nothing without cannot t unless except")].map(stem));
/** Signs that change what is said: a minus, a currency, "C++", "!=". Hyphens within words and marks of sentences do not. */
const SIGNS = /[\p{Sc}\p{Sm}\p{So}#%&@^*]|(?<![\p{L}\p{N}])[-\u2212](?=\p{N})|!(?==)/gu;
/** The part of the longer text's words that the shorter one must have. */
const LEAST_SHARE = 0.75;
/** Characters; a longer text is never folded: it says too much to be nearly the same as another. */
const MOST_TEXT = 2_000;

/** What decides whether two memories say the same. */
export interface Said {
  readonly words: readonly string[];
  readonly speaker: string | undefined;
  /** The day (here, since the epoch) on which it was said, where the words mean another on another day: "I ran today". */
  readonly day: number | undefined;
}

interface Sayable {
  readonly text: string;
  readonly speaker?: string;
  /** ms since the epoch. */
  readonly at: number;
}

/** A memory ready to be compared; undefined where its text is too long, or has no words. */
export function saidIn({ text, speaker, at }: Sayable): Said | undefined {
  if (text.length > MOST_TEXT) return undefined;
  const all = splitWords(text.replace(SIGNS, (sign) => ` sign${sign.codePointAt(0)} `));
  const telling = all.filter((word) => !EMPTY.has(word));
  if (telling.length === 0) return undefined;
  const day = all.some((word) => TIME_WORDS.has(word)) ? Math.floor(wallClock(at) / DAY_MS) : undefined;
  return { words: telling.map(stem), speaker, day };
}

/**
 * Whether `other` says nothing that `shown` does not say too: the same speaker and the same words in the same order, where
 * `shown` may go on a little longer. One word that differs, a number, a sign or a "not" too many: they say different things.
 */
export function saysAll(shown: Said, other: Said): boolean {
  if (shown.speaker !== other.speaker || shown.day !== other.day) return false;
  if (other.words.length < LEAST_SHARE * shown.words.length) return false;
  if (other.words.some((word, i) => word !== shown.words[i])) return false;
  return !shown.words.slice(other.words.length).some((word) => NEGATIONS.has(word));
}
