/** The candidate that `word` most likely meant, or undefined when none is close (edits ≤ a third of its length + 1). */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const asked = fold(word);
  const ranked = candidates
    .map((candidate) => ({ candidate, edits: distance(asked, fold(candidate)) }))
    .sort((a, b) => a.edits - b.edits);
  const best = ranked[0];
  return best && best.edits <= Math.floor(asked.length / 3) + 1 ? best.candidate : undefined;
}

/** `maxChars`, `max-chars` and `max_chars` are one name to whoever types them. */
function fold(word: string): string {
  return word
    .slice(0, 64)
    .replaceAll(/[-_\s]/g, "")
    .toLowerCase();
}

/** Levenshtein distance with one row. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
