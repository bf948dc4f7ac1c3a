import { type EngramError, isEngramError } from "../../../crypto/errors.ts";
import type { HttpReply } from "../../runtime/http-client.ts";

/** What one attempt to push a record to a miner, or to delete it there, came to. */
export type Outcome =
  | { readonly kind: "done"; readonly cid: string }
  /** Trying again cannot help: another request would be needed. */
  | { readonly kind: "impossible"; readonly reason: string }
  /** `uncertain`: the miner may have acted although its answer never came; ask before sending again. */
  | {
      readonly kind: "later";
      readonly reason: string;
      readonly uncertain: boolean;
      /** False ends the present round at this miner. */
      readonly reachable: boolean;
      readonly retryAfterMs?: number;
    };

const FIRST_DELAY_MS = 2_000;
const LONGEST_DELAY_MS = 3_600_000;
/** A miner that keeps refusing in words (200 with `error`, 401, 403) is believed after so many times. */
const REFUSALS_BELIEVED = 8;
const IMPOSSIBLE: ReadonlySet<number> = new Set([400, 404, 405, 410, 413, 415, 422]);

/** When to try again: twice as long each time, at most an hour, spread so that many rows do not return at once. */
export function nextAttemptAt(now: number, attempts: number, retryAfterMs = 0, random = Math.random): number {
  const doubled = FIRST_DELAY_MS * 2 ** Math.min(Math.max(attempts - 1, 0), 20);
  const spread = Math.min(doubled, LONGEST_DELAY_MS) * (0.8 + 0.4 * random());
  return Math.round(now + Math.max(spread, Math.min(retryAfterMs, LONGEST_DELAY_MS)));
}

/** A reply that is not the wanted answer. `attempts` counts this one. */
export function refusalOutcome(reply: HttpReply, words: string | undefined, attempts: number): Outcome {
  const said = words === undefined ? "" : `: ${words.slice(0, 200)}`;
  const reason = `the miner answered ${reply.status}${said}`;
  if (IMPOSSIBLE.has(reply.status)) return { kind: "impossible", reason };
  // Its limit is by the minute: the rest of what waits for it would be refused as well.
  if (reply.status === 429) return later(reason, { reachable: false, retryAfterMs: 15_000 });
  if (reply.status >= 500) return later(reason, { uncertain: true });
  return attempts >= REFUSALS_BELIEVED ? { kind: "impossible", reason } : later(reason);
}

/** A call that got no reply at all. */
export function failureOutcome(error: unknown): Outcome {
  const reason = isEngramError(error) ? error.message : "the call failed";
  const answered = isEngramError(error, "HTTP_TOO_LARGE") || isEngramError(error, "MINER_ANSWER");
  if (answered) return later(reason, { uncertain: true });
  return later(reason, { uncertain: true, reachable: false, ...retryAfter(error) });
}

export function later(
  reason: string,
  options: { readonly uncertain?: boolean; readonly reachable?: boolean; readonly retryAfterMs?: number } = {},
): Outcome {
  return { kind: "later", reason, uncertain: false, reachable: true, ...options };
}

function retryAfter(error: unknown): { readonly retryAfterMs?: number } {
  const ms = (error as EngramError | undefined)?.retryAfterMs;
  return ms === undefined ? {} : { retryAfterMs: ms };
}
