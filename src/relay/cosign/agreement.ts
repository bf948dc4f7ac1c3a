import type { MinerScore } from "../../node/ports.ts";
import { isNear, recallDistance } from "../../node/validator/consensus/tally.ts";

/** What a validator measured itself in a round, by uid. */
export interface OwnScores {
  readonly scores: ReadonlyMap<number, MinerScore>;
  /** Challenges behind each proof rate; where they are known, rates of fewer than five are not compared. */
  readonly challenges?: ReadonlyMap<number, number>;
}

/** What of a proposed ranking is compared; latency is each validator's own and is not. */
export type ProposedScores = ReadonlyMap<number, { readonly recall: number; readonly proofRate: number }>;

/** `distance` is the cosine distance of the recalls. */
export interface Agreement {
  readonly agrees: boolean;
  readonly distance: number;
}

const MAX_MEAN_RECALL_GAP = 0.15;
const MAX_PROOF_GAP = 0.25;
const MIN_CHALLENGES = 5;

/**
 * Whether a proposed ranking is near enough to what was measured here (spec 14.2). The distance alone would let a
 * proposer multiply all scores, so the mean gap counts too.
 */
export function judgeAgreement(own: OwnScores, proposed: ProposedScores): Agreement {
  const uids = new Set([...own.scores.keys(), ...proposed.keys()]);
  const pairs = [...uids].map((uid) => [own.scores.get(uid)?.recall ?? 0, proposed.get(uid)?.recall ?? 0] as const);
  // Two validators that both saw nothing answered agree (V-W24).
  const isSame = pairs.every(([mine, theirs]) => mine === theirs);
  const distance = isSame ? 0 : recallDistance(own.scores, proposed);
  const gaps = pairs.reduce((sum, [mine, theirs]) => sum + Math.abs(mine - theirs), 0);
  const meanGap = pairs.length === 0 ? 0 : gaps / pairs.length;
  const proofsAgree = [...uids].every((uid) => {
    if ((own.challenges?.get(uid) ?? MIN_CHALLENGES) < MIN_CHALLENGES) return true;
    const [mine, theirs] = [own.scores.get(uid)?.proofRate ?? 0, proposed.get(uid)?.proofRate ?? 0];
    return Math.abs(mine - theirs) <= MAX_PROOF_GAP;
  });
  const inRange = [...proposed.values()].every(({ recall, proofRate }) => isShare(recall) && isShare(proofRate));
  const agrees = inRange && isNear(distance) && meanGap <= MAX_MEAN_RECALL_GAP && proofsAgree;
  return { agrees, distance };
}

function isShare(value: number): boolean {
  return value >= 0 && value <= 1;
}
