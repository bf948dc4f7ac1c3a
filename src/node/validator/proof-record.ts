/** What came of the latest challenges to one miner, oldest first: `P` passed, `F` failed. */
export interface ProofRecord {
  readonly proofs: string;
}

export const noProofs: ProofRecord = { proofs: "" };

/** Challenges that count: what lies further back is forgotten, the good and the bad (V-W11). */
const WINDOW = 100;
const SLASH_BELOW = 0.5;
const SLASH_FROM_CHALLENGES = 5;

export function withResult({ proofs }: ProofRecord, isProven: boolean): ProofRecord {
  return { proofs: `${proofs}${isProven ? "P" : "F"}`.slice(-WINDOW) };
}

/** Challenges in the window, and how many of them were passed. */
export function proofCounts({ proofs }: ProofRecord): { readonly total: number; readonly passed: number } {
  return { total: proofs.length, passed: proofs.replaceAll("F", "").length };
}

/** 0 to 1; 0 before the first challenge (spec 6.1). */
export function proofRate(record: ProofRecord): number {
  const { total, passed } = proofCounts(record);
  return total === 0 ? 0 : passed / total;
}

/** Fewer than half of at least five were passed (spec 6.1). */
export function shouldSlash(record: ProofRecord): boolean {
  return record.proofs.length >= SLASH_FROM_CHALLENGES && proofRate(record) < SLASH_BELOW;
}
