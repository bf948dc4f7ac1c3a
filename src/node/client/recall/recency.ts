const DAY_MS = 86_400_000;
/** What age can cost: the rest of a score is never lost to it. */
const MOST = 0.5;

/** How a question prefers what is new. */
export interface Recency {
  /** At this age half of what age can cost is lost. */
  readonly halfLifeDays: number;
  /** The moment of asking, ms. */
  readonly now: number;
}

/** What a score is multiplied by for a memory of the moment `at` (ms): 1 for the present, towards 0.5 for the old. */
export function recencyFactor({ halfLifeDays, now }: Recency, at: number): number {
  if (!Number.isFinite(at)) return 1 - MOST;
  const age = Math.max(0, now - at) / DAY_MS;
  return 1 - MOST * (1 - 2 ** (-age / halfLifeDays));
}
