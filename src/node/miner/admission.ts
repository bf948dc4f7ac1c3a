import type { Hotkey } from "../../crypto/ss58.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { MinerServices } from "./miner-services.ts";
import { peerKey } from "./peer-key.ts";
import type { RateLimiter } from "./rate-limiter.ts";

type Services = Pick<MinerServices, "limiters" | "clock">;

/** The address at the other end of the socket; null for a caller in the same process, whom nothing limits. */
export type Peer = string | null;

/** Counts a request before anything of it is looked at (F8). Throws `Refusal` 429. */
export function admitAddress({ limiters, clock }: Services, peer: Peer): void {
  if (peer !== null) take(limiters.address, peerKey(peer), clock.now());
}

/**
 * Counts a request after authentication, as `cost` requests: by the verified hotkey, else by address. A claimed hotkey
 * counts for nothing (M-W11). Throws `Refusal` 429.
 */
export function admitCaller({ limiters, clock }: Services, peer: Peer, caller: Hotkey | null, cost = 1): void {
  if (peer === null) return;
  if (caller !== null) take(limiters.verified, caller, clock.now(), cost);
  else take(limiters.anonymous, peerKey(peer), clock.now(), cost);
}

function take(limiter: RateLimiter, key: string, now: number, cost = 1): void {
  const wait = limiter.take(key, now, cost);
  if (wait <= 0) return;
  const retryAfterSeconds = Math.ceil(wait / 1000);
  throw new Refusal(429, "too many requests", {
    retryAfterSeconds,
    hint: `wait ${retryAfterSeconds} seconds, or sign your requests: verified hotkeys may send more`,
  });
}
