import { ROLE_WORDS } from "./stop-words.ts";
import { splitWords } from "./terms.ts";

/** The words by which a question may name a speaker; roles ("user", "assistant") are ordinary words and name nobody. */
export function nameWords(speaker: string): string[] {
  return splitWords(speaker).filter((word) => word.length > 1 && !ROLE_WORDS.has(word));
}

/**
 * The question as the speaker it names would put it: "When did Ann move?" becomes "When did I move?". People tell of
 * themselves in the first person and rarely by name, so the model finds the question nearer to its answer.
 */
export function inFirstPerson(question: string, speakers: readonly string[]): string {
  const names = new Set(speakers.flatMap(nameWords));
  if (names.size === 0) return question;
  // Somebody who writes capitals means the name by the capital; somebody who does not may still mean it.
  const careful = /\p{Lu}/u.test(question.slice(1));
  return question
    .replace(
      /(\p{L}[\p{L}\p{M}]*)(['’]s|(?<=s)['’])?(?:\s+(?=\p{L}))?/gu,
      (whole, word: string, owns: string | undefined) => {
        const isName = names.has(word.normalize("NFKC").toLowerCase()) && (!careful || /^\p{Lu}/u.test(word));
        if (!isName) return whole;
        return (owns ? "my" : "I") + (/\s$/.test(whole) ? " " : "");
      },
    )
    .replace(/\bI(?: I)+\b/g, "I")
    .replace(/\bI my\b/g, "my");
}
