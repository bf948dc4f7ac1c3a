import type { StoredRecord } from "../../src/node/ports.ts";

export const DIM = 8;
export const SPACE = "space";

/** A record with a direction made from `seed`; equal seeds have equal vectors. */
export function sampleRecord(cid: string, seed: number, changes: Partial<StoredRecord> = {}): StoredRecord {
  return {
    namespace: SPACE,
    cid,
    embedding: sampleVector(seed),
    metadata: "{}",
    ingestedBy: null,
    createdAt: 1_000,
    expiresAt: null,
    ...changes,
  };
}

export function sampleVector(seed: number, dim = DIM): Float32Array {
  let state = (seed + 1) * 2_654_435_761;
  return Float32Array.from({ length: dim }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32 - 0.5;
  });
}
