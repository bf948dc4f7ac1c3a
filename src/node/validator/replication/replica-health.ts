import { REPLICAS } from "../../../crypto/xor-placement.ts";

/** By confirmed copies: three and more, two, one, none (spec 10.3). */
export type ReplicaHealth = "healthy" | "degraded" | "critical" | "lost";

/** How many records are in which state. */
export type HealthCounts = Readonly<Record<ReplicaHealth, number>>;

/** Most urgent first (spec 10.4). */
const URGENCY: readonly ReplicaHealth[] = ["lost", "critical", "degraded", "healthy"];

export function healthOf(confirmed: number): ReplicaHealth {
  return URGENCY[Math.min(confirmed, REPLICAS)] ?? "healthy";
}

/** From 0, most urgent first; a healthy record needs nothing. */
export function urgencyOf(health: ReplicaHealth): number {
  return URGENCY.indexOf(health);
}

/**
 * Who should be given a copy, best first: of `places` those without a confirmed one (spec 10.4). All of them, because the
 * first may refuse; `missingCopies` says how many are wanted.
 */
export function repairTargets<T>(places: readonly T[], isConfirmed: (place: T) => boolean): readonly T[] {
  return places.filter((place) => !isConfirmed(place));
}

export function missingCopies(confirmed: number, miners: number): number {
  return Math.max(0, Math.min(REPLICAS, miners) - confirmed);
}
