export type TrustTier = "sovereign" | "verified" | "community" | "anonymous";

/** The tier of a stake in TAO (spec 6.6); an unknown stake counts as none. */
export function trustTier(stakeTao: number): TrustTier {
  if (stakeTao >= 1000) return "sovereign";
  if (stakeTao >= 100) return "verified";
  if (stakeTao >= 1) return "community";
  return "anonymous";
}
