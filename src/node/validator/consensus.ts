/** Recall by uid. */
export type RecallScores = ReadonlyMap<number, number>;

/** Cosine distance, inclusive (spec 2.1 `CONSENSUS_SCORE_TOLERANCE`). */
const MAX_DISTANCE = 0.15;
/** The distance alone would call a multiple of one's own scores agreement (V-W22). */
const MAX_MEAN_GAP = 0.15;
const TINY_NORM = 1e-12;

/** What other validators' scores come to beside one's own. */
export interface Poll {
  readonly agreeing: number;
  /** The median of one's own scores and those that agree. */
  readonly recall: RecallScores;
}

/** Counts the vectors made after `oldestMs` that agree with `own` (spec 9.4). */
export function poll(
  own: RecallScores,
  vectors: readonly { readonly timestampMs: number; readonly scores: RecallScores }[],
  oldestMs: number,
): Poll {
  const agreeing = vectors.filter(({ timestampMs, scores }) => timestampMs > oldestMs && agree(own, scores));
  return { agreeing: agreeing.length, recall: medianScores([own, ...agreeing.map(({ scores }) => scores)]) };
}

/** Cosine distance over all uids of either, missing ones as 0 (spec 9.4). */
export function cosineDistance(one: RecallScores, other: RecallScores): number {
  const uids = unionOf([one, other]);
  if (uids.length === 0) return 0;
  const sum = (term: (uid: number) => number) => uids.reduce((total, uid) => total + term(uid), 0);
  const left = Math.sqrt(sum((uid) => at(one, uid) ** 2));
  const right = Math.sqrt(sum((uid) => at(other, uid) ** 2));
  if (left < TINY_NORM || right < TINY_NORM) return 1;
  return 1 - sum((uid) => at(one, uid) * at(other, uid)) / (left * right);
}

/** Near in direction and in size; two rounds in which nobody recalled anything agree (V-W24). */
export function agree(one: RecallScores, other: RecallScores): boolean {
  const uids = unionOf([one, other]);
  if (uids.every((uid) => at(one, uid) === at(other, uid))) return true;
  const gap = uids.reduce((total, uid) => total + Math.abs(at(one, uid) - at(other, uid)), 0) / uids.length;
  return gap <= MAX_MEAN_GAP && isNear(cosineDistance(one, other));
}

/** Whether a distance is within the tolerance of spec 9.4. */
export function isNear(distance: number): boolean {
  return distance <= MAX_DISTANCE;
}

/** The median of every uid's scores, missing ones as 0 (spec 9.4). */
function medianScores(rows: readonly RecallScores[]): Map<number, number> {
  return new Map(unionOf(rows).map((uid) => [uid, median(rows.map((row) => at(row, uid)))]));
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

function unionOf(rows: readonly RecallScores[]): readonly number[] {
  return [...new Set(rows.flatMap((row) => [...row.keys()]))];
}

function at(scores: RecallScores, uid: number): number {
  return scores.get(uid) ?? 0;
}
