const FIRST_SECONDS = 10;
const MAX_SECONDS = 300;

/** So many failed attempts, then the submission is abandoned: kept, shown and replayable (spec 11.6). */
export const MAX_ATTEMPTS = 10;

/** Seconds until the next attempt after `attempts` failed ones, the first not counted: 10 doubling to 300. */
export function retryDelaySeconds(attempts: number): number {
  return Math.min(MAX_SECONDS, FIRST_SECONDS * 2 ** attempts);
}
