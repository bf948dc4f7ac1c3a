import type { MinerScore } from "../../ports.ts";
import { latencyScore } from "../scoring.ts";

/** What one validator measured in a round, by uid. */
export interface MeasuredScores {
  readonly scores: ReadonlyMap<number, MinerScore>;
  /** Challenges behind each proof rate: rates that rest on few are not compared. Null where nobody counted. */
  readonly challenges: ReadonlyMap<number, number> | null;
}

/** What of the scores a distance is made of, by uid. */
type Recalls = ReadonlyMap<number, Pick<MinerScore, "recall">>;

/** Another validator's scores, once they count as a voice. */
export interface Voice extends MeasuredScores {
  readonly timestampMs: number;
}

/** What the voices come to beside one's own scores. */
export interface Tally {
  /** Voices near enough to one's own scores. */
  readonly agreeing: number;
  /** Recall, latency and proof rate: the median of one's own and the agreeing voices', uid by uid (V-W25). */
  readonly scores: ReadonlyMap<number, MinerScore>;
}

/** Cosine distance, inclusive (spec 2.1 `CONSENSUS_SCORE_TOLERANCE`). */
const MAX_DISTANCE = 0.15;
/** The distance alone would call a multiple of one's own scores agreement (V-W22; spec 14.2). */
const MAX_MEAN_GAP = 0.15;
/** So far apart two honest measurements of one miner may be: recall, latency score or proof rate (spec 14.2). */
const UID_TOLERANCE = 0.25;
/** One uid in so many may be further apart, as when a miner went down between two measurements; one at least. */
const UIDS_PER_OUTLIER = 10;
const MIN_CHALLENGES = 5;
const TINY_NORM = 1e-12;
const UNSEEN: MinerScore = { recall: 0, latencyMs: null, proofRate: 0 };

/** Counts the voices made after `oldestMs` that agree with `own`, and takes the median of them (spec 9.4). */
export function tally(own: MeasuredScores, voices: readonly Voice[], oldestMs: number): Tally {
  const agreeing = voices.filter((voice) => voice.timestampMs > oldestMs && agree(own, voice));
  const rows = [own, ...agreeing].map(({ scores }) => scores);
  const scores = new Map(uidsOf(rows).map((uid) => [uid, combined(rows.map((row) => row.get(uid) ?? UNSEEN))]));
  return { agreeing: agreeing.length, scores };
}

/**
 * Near in direction, in size, and miner by miner (V-W22); two rounds in which nobody recalled anything agree (V-W24).
 * Latency is no ground to disagree, because validators stand at different distances; the median bounds what a lie gives.
 */
export function agree(one: MeasuredScores, other: MeasuredScores): boolean {
  const uids = uidsOf([one.scores, other.scores]);
  const tolerated = Math.max(1, Math.floor(uids.length / UIDS_PER_OUTLIER));
  const proofGaps = uids
    .filter((uid) => isProven(one, uid) && isProven(other, uid))
    .map(gapOf("proofRate", one, other));
  if (outliers(proofGaps) > tolerated) return false;
  const gaps = uids.map(gapOf("recall", one, other));
  if (gaps.every((gap) => gap === 0)) return true;
  const mean = gaps.reduce((total, gap) => total + gap, 0) / gaps.length;
  return mean <= MAX_MEAN_GAP && outliers(gaps) <= tolerated && isNear(recallDistance(one.scores, other.scores));
}

/** Cosine distance of the recalls over all uids of either, missing ones as 0 (spec 9.4). */
export function recallDistance(one: Recalls, other: Recalls): number {
  const pairs = uidsOf([one, other]).map((uid) => [recallOf(one, uid), recallOf(other, uid)] as const);
  if (pairs.length === 0) return 0;
  const sum = (term: (pair: readonly [number, number]) => number) =>
    pairs.reduce((total, pair) => total + term(pair), 0);
  const left = Math.sqrt(sum(([a]) => a ** 2));
  const right = Math.sqrt(sum(([, b]) => b ** 2));
  if (left < TINY_NORM || right < TINY_NORM) return 1;
  return 1 - sum(([a, b]) => a * b) / (left * right);
}

/** Whether a distance is within the tolerance of spec 9.4. */
export function isNear(distance: number): boolean {
  return distance <= MAX_DISTANCE;
}

/** Own score first. Of two voices none is the median: where they are too far apart one's own counts. */
function combined(values: readonly MinerScore[]): MinerScore {
  return {
    recall: middle(values.map(({ recall }) => recall)),
    latencyMs: middleLatency(values.map(({ latencyMs }) => latencyMs)),
    proofRate: middle(values.map(({ proofRate }) => proofRate)),
  };
}

function middle([own = 0, ...others]: readonly number[]): number {
  const [other] = others;
  if (others.length === 1 && other !== undefined && Math.abs(own - other) > UID_TOLERANCE) return own;
  return median([own, ...others]);
}

/** No answer counts as slower than any. */
function middleLatency([own = null, ...others]: readonly (number | null)[]): number | null {
  const [other] = others;
  if (others.length === 1 && Math.abs(latencyScore(own) - latencyScore(other ?? null)) > UID_TOLERANCE) return own;
  const found = median([own, ...others].map((latency) => latency ?? Number.POSITIVE_INFINITY));
  return Number.isFinite(found) ? found : null;
}

/** Of an even count the mean of the middle two (spec 9.4). */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => (one < other ? -1 : one > other ? 1 : 0));
  const half = Math.floor(sorted.length / 2);
  const upper = sorted[half] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? 0) + upper) / 2;
}

function gapOf(part: "recall" | "proofRate", one: MeasuredScores, other: MeasuredScores) {
  const at = ({ scores }: MeasuredScores, uid: number) => (scores.get(uid) ?? UNSEEN)[part];
  return (uid: number) => Math.abs(at(one, uid) - at(other, uid));
}

function outliers(gaps: readonly number[]): number {
  return gaps.filter((gap) => gap > UID_TOLERANCE).length;
}

function isProven({ challenges }: MeasuredScores, uid: number): boolean {
  return (challenges?.get(uid) ?? 0) >= MIN_CHALLENGES;
}

function uidsOf(rows: readonly ReadonlyMap<number, unknown>[]): readonly number[] {
  return [...new Set(rows.flatMap((row) => [...row.keys()]))];
}

function recallOf(scores: Recalls, uid: number): number {
  return scores.get(uid)?.recall ?? 0;
}
