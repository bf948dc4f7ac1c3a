import { wallClock } from "../../runtime/wall-clock.ts";
import { stem } from "./stem.ts";
import { STOP_WORDS, TIME_WORDS, words } from "./stop-words.ts";
import { splitWords } from "./terms.ts";

const DAY_MS = 86_400_000;
const NEGATING = words("not no nor never none nobody nothing without cannot t");
/** Stop words that say what is meant: without them, "before" and "after" would be the same. */
const TELLING = new Set([...NEGATING, ...words("before after above below up down in out on off over under from to")]);
const NEGATIONS: ReadonlySet<string> = new Set([...NEGATING].map(stem));
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
  const all = splitWords(text);
  const telling = all.filter((word) => TELLING.has(word) || !STOP_WORDS.has(word));
  if (telling.length === 0) return undefined;
  const day = all.some((word) => TIME_WORDS.has(word)) ? Math.floor(wallClock(at) / DAY_MS) : undefined;
  return { words: telling.map(stem), speaker, day };
}

/**
 * Whether `other` says nothing that `shown` does not say too: the same speaker, all its words in the same order, and
 * hardly more of them in `shown`. A number or a name that differs, a "not" too many: they say different things.
 */
export function saysAll(shown: Said, other: Said): boolean {
  if (shown.speaker !== other.speaker || shown.day !== other.day) return false;
  if (other.words.length < LEAST_SHARE * shown.words.length) return false;
  let found = 0;
  for (const word of shown.words) {
    if (word === other.words[found]) found++;
    else if (NEGATIONS.has(word)) return false;
  }
  return found === other.words.length;
}
