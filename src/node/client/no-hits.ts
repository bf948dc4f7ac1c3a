import type { Recalled } from "./store/recall-operations.ts";

/** Why a question found nothing: a namespace that is unknown, one that is empty, or nothing above the threshold. */
export function whyNoHits({ best, pieces, unknown, known }: Recalled["asked"], minScore: number): string {
  if (unknown.length > 0) return unknown.map((name) => unknownNamespace(name, known)).join("; ");
  if (pieces === 0) return "nothing is stored there that could match";
  if (best > 0 && best < minScore) {
    return `nothing reached min_score ${minScore}; the best score was ${best.toFixed(3)}`;
  }
  return best > 0 ? "there are no more hits" : "nothing stored there has to do with the question";
}

/** Says that some memories could not be looked at by their meaning. */
export function waitingForVectors(count: number): string {
  const memories = count === 1 ? "1 text has" : `${count} texts have`;
  return `${memories} no vector yet and can only be found by the same words: ask again in a moment`;
}

/** Says that a namespace is unknown, and names the one that was probably meant. */
export function unknownNamespace(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  return `there is no namespace "${name}"${nearest === undefined ? "" : `; did you mean "${nearest}"?`}`;
}

/** The known name nearest by edit distance, if near enough to be a slip of the pen. */
function nearestName(name: string, known: readonly string[]): string | undefined {
  const wanted = name.toLowerCase();
  let best: { readonly name: string; readonly distance: number } | undefined;
  for (const candidate of known) {
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (!best || distance < best.distance) best = { name: candidate, distance };
  }
  return best && best.distance <= Math.max(2, Math.floor(wanted.length / 3)) ? best.name : undefined;
}

/** Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`. */
function editDistance(a: string, b: string): number {
  const from = [...a];
  const to = [...b];
  let before: number[] = [];
  let above = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const differs = from[i - 1] === to[j - 1] ? 0 : 1;
      let least = Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (above[j - 1] ?? 0) + differs);
      const swapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      if (swapped) least = Math.min(least, (before[j - 2] ?? 0) + 1);
      row.push(least);
    }
    before = above;
    above = row;
  }
  return above[to.length] ?? 0;
}
