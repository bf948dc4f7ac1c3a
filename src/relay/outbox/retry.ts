const FIRST_SECONDS = 10;
const MAX_SECONDS = 300;

/** So many failed attempts, then the submission is abandoned: kept, shown and replayable (spec 11.6). */
export const MAX_ATTEMPTS = 10;

/** Seconds until the next attempt after `attempts` failed ones, the first not counted: 10 doubling to 300. */
export function retryDelaySeconds(attempts: number): number {
  return Math.min(MAX_SECONDS, FIRST_SECONDS * 2 ** attempts);
}

/** Of the wait, up or down. */
const JITTER = 0.1;

/**
 * Milliseconds until the next attempt after `attempts` failed ones. `draw` in [0, 1) spreads them by a tenth, so that
 * relays which failed together do not come back together (spec 14.0); one half is no spread. What the receiver asked to
 * wait is never cut short, only drawn out.
 */
export function retryDelayMs(attempts: number, retryAfterMs: number, draw = 0.5): number {
  const spread = Math.min(Math.max(2 * draw - 1, -1), 1) * JITTER;
  const own = retryDelaySeconds(attempts) * 1_000 * (1 + spread);
  return Math.round(Math.max(own, retryAfterMs * (1 + Math.max(0, spread))));
}
