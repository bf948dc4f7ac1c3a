import { EngramError } from "../../crypto/errors.ts";
import { recoveryWords } from "../../crypto/recovery-words.ts";
import type { NewMemory } from "./memory.ts";

/** A finding: what it looks like and where; never the characters themselves. */
export interface SecretFinding {
  readonly kind: string;
  /** UTF-16 offsets. */
  readonly start: number;
  readonly end: number;
}

/** The least number of wordlist words in a row that is taken for a phrase (BIP-39: 12, 15, 18, 21 or 24). */
const phraseWords = 12;

const patterns: readonly { readonly kind: string; readonly pattern: RegExp }[] = [
  { kind: "a private key", pattern: /-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----/g },
  { kind: "an AWS access key", pattern: /\b(?:AKIA|ASIA)[A-Z2-7]{16}\b/g },
  { kind: "a GitHub token", pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{40,255})\b/g },
  { kind: "a GitLab token", pattern: /\bglpat-[A-Za-z0-9_-]{20,}/g },
  { kind: "a Slack token", pattern: /\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bxapp-\d-[A-Za-z0-9-]{10,}/g },
  {
    kind: "an API key",
    pattern: /\b(?:sk|rk|pk)(?:-(?:proj|ant|svcacct|or)[a-z0-9]*)?[-_](?:live_|test_)?[A-Za-z0-9_-]{20,}/g,
  },
  { kind: "a Google API key", pattern: /\bAIza[A-Za-z0-9_-]{35}/g },
  { kind: "an npm token", pattern: /\bnpm_[A-Za-z0-9]{36}\b/g },
  { kind: "a Hugging Face token", pattern: /\bhf_[A-Za-z0-9]{30,}\b/g },
  { kind: "an Engram access token", pattern: /\bengram_[A-Za-z0-9_-]{43}/g },
  { kind: "a JSON Web Token", pattern: /\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}/g },
  { kind: "a bearer credential", pattern: /\bbearer\s+[A-Za-z0-9._~+/-]{24,}=*/gi },
  { kind: "a password in a URL", pattern: /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s/:@]{1,100}:[^\s/@]{3,200}@/gi },
  // 32 bytes or more: seeds and private keys. Shorter hex is commonly a commit, a checksum or an id.
  { kind: "a hexadecimal key", pattern: /(?<![0-9a-f])(?:0x)?(?:[0-9a-f]{2}){32,}(?![0-9a-f])/gi },
];

/** Everything in `text` that looks like a key, a token or a recovery phrase, in order of position. */
export async function scanForSecrets(text: string): Promise<readonly SecretFinding[]> {
  const found = patterns.flatMap(({ kind, pattern }) =>
    [...text.matchAll(pattern)].map((match) => ({ kind, start: match.index, end: match.index + match[0].length })),
  );
  return [...found, ...(await findPhrases(text))].sort((a, b) => a.start - b.start);
}

/**
 * Refuses items that would publish a secret: `EngramError` `SECRET_FOUND` with field and position. Metadata, speaker
 * and session travel with a public record, so they are read as well.
 */
export async function assertNoSecrets(items: readonly NewMemory[]): Promise<void> {
  for (const [index, item] of items.entries()) {
    for (const [field, text] of fieldsOf(item)) {
      const [finding] = await scanForSecrets(text);
      if (!finding) continue;
      throw new EngramError(
        "SECRET_FOUND",
        `items[${index}].${field} holds what looks like ${finding.kind} at characters ${finding.start} to ${finding.end}`,
        { fix: "Remove it, or store the memory privately (without public)." },
      );
    }
  }
}

function fieldsOf(item: NewMemory): readonly (readonly [string, string])[] {
  return [
    ["text", item.text],
    ["speaker", item.speaker ?? ""],
    ["session", item.session ?? ""],
    ...stringsOf(item.metadata ?? {}).map((text) => ["metadata", text] as const),
  ];
}

function stringsOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(stringsOf);
  // `key: value` together, as a key like `password` says what the value is.
  return Object.entries(value).flatMap(([key, child]) => [key, ...stringsOf(child)]);
}

async function findPhrases(text: string): Promise<readonly SecretFinding[]> {
  const runs = [...text.matchAll(/(?:\b[a-z]{3,8}\b(?:[\s,;]|\d{1,2}[.)])*){12,}/gi)];
  if (runs.length === 0) return [];
  const known = await recoveryWords();
  return runs.flatMap((run) => phrasesIn(run[0], run.index, known));
}

/** No checksum is asked for: a phrase with one wrong word is a secret too, and prose always has an "a" or "the". */
function phrasesIn(run: string, offset: number, known: ReadonlySet<string>): readonly SecretFinding[] {
  const found: SecretFinding[] = [];
  let row: RegExpExecArray[] = [];
  const close = () => {
    const [first] = row;
    const last = row.at(-1);
    if (first && last && row.length >= phraseWords) {
      const end = offset + last.index + last[0].length;
      found.push({ kind: "a recovery phrase", start: offset + first.index, end });
    }
    row = [];
  };
  for (const word of run.matchAll(/[a-z]{3,8}/gi)) {
    if (known.has(word[0].toLowerCase())) row.push(word);
    else close();
  }
  close();
  return found;
}
