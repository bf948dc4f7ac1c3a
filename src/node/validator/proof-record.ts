/** What came of the challenges to one miner. */
export interface ProofRecord {
  readonly total: number;
  readonly passed: number;
}

export const noProofs: ProofRecord = { total: 0, passed: 0 };

const SLASH_BELOW = 0.5;
const SLASH_FROM_CHALLENGES = 5;

export function withResult({ total, passed }: ProofRecord, isProven: boolean): ProofRecord {
  return { total: total + 1, passed: passed + (isProven ? 1 : 0) };
}

/** 0 to 1; 0 before the first challenge (spec 6.1). */
export function proofRate({ total, passed }: ProofRecord): number {
  return total === 0 ? 0 : passed / total;
}

/** Fewer than half of at least five were passed (spec 6.1). */
export function shouldSlash(record: ProofRecord): boolean {
  return record.total >= SLASH_FROM_CHALLENGES && proofRate(record) < SLASH_BELOW;
}
