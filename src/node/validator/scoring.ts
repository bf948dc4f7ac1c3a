import type { MinerScore } from "../ports.ts";

/** How many results a query is judged by (spec 2.2). */
export const RECALL_K = 10;
const FAST_MS = 100;
const SLOW_MS = 500;
const RECALL_WEIGHT = 0.5;
const LATENCY_WEIGHT = 0.3;
const PROOF_WEIGHT = 0.2;
/** What one round counts in a moving average (spec 8). */
const AVERAGE_ALPHA = 0.1;

/** The share of the true CIDs among the first `k` returned, 0 to 1; each counts once (spec 5). */
export function recallAtK(returned: readonly string[], truth: readonly string[], k: number): number {
  if (truth.length === 0) return 0;
  const found = new Set(returned.slice(0, k));
  const wanted = new Set(truth.slice(0, k));
  const hits = [...wanted].filter((cid) => found.has(cid)).length;
  return hits / Math.min(k, wanted.size);
}

/** 1 up to 100 ms, 0 from 500 ms and without an answer (spec 5). */
export function latencyScore(latencyMs: number | null): number {
  if (latencyMs === null || latencyMs >= SLOW_MS) return 0;
  if (latencyMs <= FAST_MS) return 1;
  return 1 - (latencyMs - FAST_MS) / (SLOW_MS - FAST_MS);
}

/** What a miner's round is worth, 0 to 1 (spec 5). */
export function compositeScore({ recall, latencyMs, proofRate }: MinerScore): number {
  const latency = clip(latencyScore(latencyMs));
  return clip(RECALL_WEIGHT * clip(recall) + LATENCY_WEIGHT * latency + PROOF_WEIGHT * clip(proofRate));
}

/** Divides by the sum; all zeros stay so (spec 5). */
export function normalise(scores: ReadonlyMap<number, number>): Map<number, number> {
  const sum = [...scores.values()].reduce((total, score) => total + score, 0);
  return new Map([...scores].map(([uid, score]) => [uid, sum === 0 ? 0 : score / sum]));
}

/** A miner's moving average after a round that gave `score`; its first score is its average (spec 8). */
export function nextAverage(average: number | null, score: number): number {
  return average === null ? score : AVERAGE_ALPHA * score + (1 - AVERAGE_ALPHA) * average;
}

/** Averages as they are handed to the chain: normalised 32-bit floats (spec 8). */
export function weightsOf(averages: ReadonlyMap<number, number>): Map<number, number> {
  return new Map([...normalise(averages)].map(([uid, weight]) => [uid, Math.fround(weight)]));
}

function clip(value: number): number {
  return Math.min(Math.max(value, 0), 1);
}
