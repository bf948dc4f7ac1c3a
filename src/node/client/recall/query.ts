import { wallClock } from "../../runtime/wall-clock.ts";
import type { ParsedQuery } from "./corpus.ts";
import { datesIn } from "./dates.ts";
import { isForeign } from "./language.ts";
import { asksForSeveral } from "./question-kind.ts";
import { inFirstPerson, nameWords } from "./speakers.ts";
import { QUESTION_WORDS, STOP_WORDS } from "./stop-words.ts";
import { gramTerms, splitWords, wordTerms } from "./terms.ts";

const DROPPED: ReadonlySet<string> = new Set([...STOP_WORDS, ...QUESTION_WORDS]);
/** A long question's further words add cost, not direction. */
const MAX_TERMS = 256;

interface QueryContext {
  /** Everybody who speaks in the namespaces asked; lets the model hear the question in their words. */
  readonly speakers?: readonly string[];
  /** The moment of asking, ms: what "yesterday" is counted from. */
  readonly now?: number;
}

/** Makes a question ready for ranking, by the same rules as the memories were indexed. */
export function parseQuery(text: string, context: QueryContext = {}): ParsedQuery {
  const { speakers = [] } = context;
  const foreign = isForeign(text);
  const list = wordTerms(text, DROPPED);
  // A question of stop words alone ("who am I") is still a question.
  const terms = new Map((list.length > 0 ? list : wordTerms(text, new Set())).map((term) => [term, 1]));
  if (foreign) {
    for (const word of gramTerms(text)) for (const gram of word) terms.set(gram, 1 / word.length);
  }
  const lower = text.toLowerCase();
  return {
    text,
    terms: new Map([...terms].slice(0, MAX_TERMS)),
    words: new Set(splitWords(text)),
    embeddings: foreign ? [text] : asQuestionAndStatement(inFirstPerson(text, speakers)),
    foreign,
    asksForSeveral: !foreign && asksForSeveral(text, terms.keys(), speakers),
    asksWhen: /^\s*when\b/.test(lower) || lower.includes("how long"),
    dates: datesIn(
      text,
      context.now === undefined ? undefined : wallClock(context.now),
      new Set(speakers.flatMap(nameWords)),
    ),
  };
}

/**
 * The mean direction of a question's vectors, a unit vector: what is compared with the memories'. Undefined when there
 * is none.
 */
export function queryVector(vectors: readonly Float32Array[]): Float32Array | undefined {
  const [first] = vectors;
  if (!first || vectors.length === 1) return first;
  const mean = first.map((_, i) => vectors.reduce((sum, vector) => sum + (vector[i] ?? 0), 0));
  const norm = Math.hypot(...mean);
  return norm > 0 ? mean.map((value) => value / norm) : undefined;
}

/** Memories are statements: the same words ending in a full stop lie nearer to them, and the mean of both nearest. */
function asQuestionAndStatement(text: string): string[] {
  const statement = text.replace(/\?\s*$/, ".");
  return statement === text ? [text] : [text, statement];
}
