/**
 * Porter's suffix stripper for English ("An algorithm for suffix stripping", Program 14(3), 1980), with his two later
 * departures (`bli` and `logi` in step 2). Words of other letters than a-z come back unchanged.
 */
export function stem(word: string): string {
  if (word.length < 3 || !/^[a-z]+$/.test(word)) return word;
  let stemmed = plural(word);
  stemmed = pastAndGerund(stemmed);
  if (stemmed.endsWith("y") && hasVowel(stemmed.slice(0, -1))) stemmed = `${stemmed.slice(0, -1)}i`;
  stemmed = replaceLongest(stemmed, DERIVED, 0);
  stemmed = replaceLongest(stemmed, QUALIFYING, 0);
  stemmed = dropLongSuffix(stemmed);
  return tidyEnd(stemmed);
}

const DERIVED: readonly (readonly [string, string])[] = [
  ["ational", "ate"],
  ["ization", "ize"],
  ["iveness", "ive"],
  ["fulness", "ful"],
  ["ousness", "ous"],
  ["tional", "tion"],
  ["biliti", "ble"],
  ["entli", "ent"],
  ["ousli", "ous"],
  ["ation", "ate"],
  ["alism", "al"],
  ["aliti", "al"],
  ["iviti", "ive"],
  ["enci", "ence"],
  ["anci", "ance"],
  ["izer", "ize"],
  ["alli", "al"],
  ["ator", "ate"],
  ["logi", "log"],
  ["bli", "ble"],
  ["eli", "e"],
];

const QUALIFYING: readonly (readonly [string, string])[] = [
  ["icate", "ic"],
  ["ative", ""],
  ["alize", "al"],
  ["iciti", "ic"],
  ["ical", "ic"],
  ["ness", ""],
  ["ful", ""],
];

const LONG_SUFFIXES = [
  "ement",
  "ance",
  "ence",
  "able",
  "ible",
  "ment",
  "ant",
  "ent",
  "ism",
  "ate",
  "iti",
  "ous",
  "ive",
  "ize",
  "ion",
  "al",
  "er",
  "ic",
  "ou",
] as const;

/** Letters as v (vowel) and c (consonant); `y` is a vowel after a consonant. */
function shape(word: string): string {
  let out = "";
  for (const letter of word) {
    const vowel = "aeiou".includes(letter) || (letter === "y" && out.endsWith("c"));
    out += vowel ? "v" : "c";
  }
  return out;
}

/** How many times a vowel run is followed by a consonant run: Porter's m. */
function measure(word: string): number {
  return shape(word).match(/v+c+/g)?.length ?? 0;
}

function hasVowel(word: string): boolean {
  return shape(word).includes("v");
}

/** Ends in consonant, vowel, consonant, the last not w, x or y: a short syllable that keeps its e. */
function endsShort(word: string): boolean {
  return shape(word).endsWith("cvc") && !/[wxy]$/.test(word);
}

function plural(word: string): string {
  if (word.endsWith("sses") || word.endsWith("ies")) return word.slice(0, -2);
  return word.endsWith("s") && !word.endsWith("ss") ? word.slice(0, -1) : word;
}

function pastAndGerund(word: string): string {
  if (word.endsWith("eed")) return measure(word.slice(0, -3)) > 0 ? word.slice(0, -1) : word;
  const suffix = word.endsWith("ed") ? 2 : word.endsWith("ing") ? 3 : 0;
  if (suffix === 0 || !hasVowel(word.slice(0, -suffix))) return word;
  const root = word.slice(0, -suffix);
  if (/(?:at|bl|iz)$/.test(root)) return `${root}e`;
  if (/([^aeioulsz])\1$/.test(root) && shape(root).endsWith("cc")) return root.slice(0, -1);
  return measure(root) === 1 && endsShort(root) ? `${root}e` : root;
}

function replaceLongest(word: string, rules: readonly (readonly [string, string])[], above: number): string {
  const rule = rules.find(([suffix]) => word.endsWith(suffix));
  if (!rule) return word;
  const root = word.slice(0, -rule[0].length);
  return measure(root) > above ? root + rule[1] : word;
}

function dropLongSuffix(word: string): string {
  const suffix = LONG_SUFFIXES.find((candidate) => word.endsWith(candidate));
  if (!suffix) return word;
  const root = word.slice(0, -suffix.length);
  if (suffix === "ion" && !/[st]$/.test(root)) return word;
  return measure(root) > 1 ? root : word;
}

function tidyEnd(word: string): string {
  let tidy = word;
  if (tidy.endsWith("e")) {
    const root = tidy.slice(0, -1);
    const size = measure(root);
    if (size > 1 || (size === 1 && !endsShort(root))) tidy = root;
  }
  return tidy.endsWith("ll") && measure(tidy) > 1 ? tidy.slice(0, -1) : tidy;
}
