import { nameWords } from "./speakers.ts";
import { stem } from "./stem.ts";

/** It asks about one event: what was told around it helps to find it. */
const ONE_EVENT = /\b(?:did|was|when)\b|\bhow long\b/i;
/** It asks for all there is of something, which was told here and there. */
const SEVERAL = [
  // "What has she painted?", "Where have they camped?", not "What does he have to do?"
  /^(?:\S+\s+){0,6}?(?:has|have)\b(?!\s+to\b)/i,
  // "Which books does she read?", "What outdoor activities ...", not "What is", "Which address"
  /^\s*(?:what|which)\s+(?:[\w-]+\s+){0,2}?[\w-]+[^s\W]s\b(?<!\b(?:does|was|is|has|this))/i,
  /^\s*(?:what|which|who|where)\s+(?:are|were)\b/i,
  /\bhow many\b/i,
  /\bboth\b|\bin common\b/i,
];
/** A question with more words than these beside names describes one thing, whatever its form. */
const MOST_TERMS = 5;

/** Whether an English question wants a list rather than one fact. `terms` are its own, `speakers` those it may name. */
export function asksForSeveral(question: string, terms: Iterable<string>, speakers: readonly string[]): boolean {
  if (ONE_EVENT.test(question) || !SEVERAL.some((sign) => sign.test(question))) return false;
  const names = new Set(speakers.flatMap(nameWords).map(stem));
  return [...terms].filter((term) => !names.has(term)).length <= MOST_TERMS;
}
