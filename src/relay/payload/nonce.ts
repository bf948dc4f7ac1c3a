import { randomInt } from "node:crypto";
import type { NonceParts, OutputType } from "./types.ts";

/** Blocks of one round (spec 14.0). */
const ROUND_BLOCKS = 50;
const MAX_SEQUENCE = 2 ** 32;

/** The round a block belongs to. */
export function roundIdOf(block: number): number {
  return Math.floor(block / ROUND_BLOCKS);
}

/** The block a round begins with. */
export function firstBlockOf(roundId: number): number {
  return roundId * ROUND_BLOCKS;
}

/** `{block}:{uid}:{ms}`; outputs other than rankings add a random number, as many may leave in one millisecond. */
export function makeNonce(type: OutputType, block: number, uid: number | null, now: number): string {
  const parts = [block, uid ?? "-", Math.trunc(now)];
  return (type === "ranking" ? parts : [...parts, randomInt(MAX_SEQUENCE)]).join(":");
}

/** The parts of a nonce whose form the schema has checked. */
export function nonceParts(nonce: string): NonceParts {
  const [block, uid, ms, sequence] = nonce.split(":");
  return {
    block: Number(block),
    uid: uid === "-" ? null : Number(uid),
    ms: Number(ms),
    sequence: sequence === undefined ? null : Number(sequence),
  };
}
