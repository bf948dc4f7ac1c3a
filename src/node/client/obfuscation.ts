import { noiseSigma, obfuscate } from "../../crypto/embedding-noise.ts";
import type { NamespaceSecret } from "../../crypto/keys.ts";

/** The noise of `remote_search` namespaces is as long as the vector itself: as much as recall bears (docs/privacy.md). */
const NOISE_EPSILON = 1;

/** What `eval/reidentification.ts` measured with that noise; docs/privacy.md has the whole table. */
export const MEASURED_OBFUSCATION = {
  date: "2026-11-22",
  /** Of the project's own conversation. */
  texts: 237,
  questions: 75,
  /** Share of texts that their vectors alone gave away to somebody with the model and a list of candidates. */
  reidentified: 1,
  /** Recall among ten by vectors alone, with and without the noise. */
  recall: 0.353,
  exactRecall: 0.343,
} as const;

/** What a person reads when a namespace is made searchable at miners. */
export function obfuscationWarning(): string {
  const { date, texts, reidentified } = MEASURED_OBFUSCATION;
  return [
    "Miners get an obfuscated vector of each memory in this namespace, not a sealed one. That hides little:",
    `measured on ${date}, ${Math.round(reidentified * 100)} % of ${texts} texts were told from their vectors by whoever could guess them.`,
    "Texts and metadata stay encrypted. Use it only where searching from machines without an index is worth that.",
  ].join("\n");
}

/** The vector that miners get for `text`: the same text in one namespace has the same noise. */
export function obfuscatedVector(secret: NamespaceSecret, text: string, vector: Float32Array): Float32Array {
  return obfuscate(vector, { key: secret, content: text, sigma: noiseSigma(NOISE_EPSILON, vector.length) });
}
