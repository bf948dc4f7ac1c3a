import type { Hotkey } from "../crypto/ss58.ts";
import type { Metagraph } from "../node/ports.ts";

/**
 * The one rule by which relay, gateway and readers count validators (guide 4.3): of the owners that hold a permit and
 * the stake at the payload's finalized block, two thirds and one must have signed, never fewer than two, and more than
 * half of all their stake must stand behind it. One vote a coldkey: keys of one owner agree with themselves, and only
 * one of them signs (`votersOf`), for all the stake of its owner.
 */

/** A hotkey that may vote. */
export interface PermittedValidator {
  readonly hotkey: Hotkey;
  readonly coldkey: Hotkey;
  readonly uid: number;
  readonly stakeTao: number;
}

/** Who might vote as of one finalized block. */
export interface PermittedSet {
  readonly block: number;
  readonly hash: string;
  readonly validators: readonly PermittedValidator[];
}

export interface Votes {
  /** Owners that signed. */
  readonly have: number;
  /** Owners that must. */
  readonly need: number;
  /** Millionths of all permitted stake that signed, rounded down. */
  readonly stake_ppm: number;
}

const MILLION = 1_000_000;

/** Two thirds and one of `voters`, and never a single validator. */
export function quorumNeed(voters: number): number {
  return Math.max(2, Math.floor((2 * voters) / 3) + 1);
}

export function permittedSet({ block, hash, neurons }: Metagraph, minStakeTao: number): PermittedSet {
  const validators = neurons
    .filter(({ validatorPermit, stakeTao }) => validatorPermit && stakeTao >= minStakeTao)
    .map(({ hotkey, coldkey, uid, stakeTao }) => ({ hotkey, coldkey, uid, stakeTao }));
  return { block, hash, validators };
}

/** Counts the votes of those who signed, each hotkey once; hotkeys that may not vote say nothing. */
export function countVotes({ validators }: PermittedSet, signers: Iterable<string>): Votes {
  const signed = new Set(signers);
  const owners = (of: readonly PermittedValidator[]) => new Set(of.map(({ coldkey }) => coldkey));
  const voting = owners(validators.filter(({ hotkey }) => signed.has(hotkey)));
  const stake = (of: readonly PermittedValidator[]) => of.reduce((sum, { stakeTao }) => sum + stakeTao, 0);
  const all = stake(validators);
  return {
    have: voting.size,
    need: quorumNeed(owners(validators).size),
    stake_ppm:
      all > 0 ? Math.floor((stake(validators.filter(({ coldkey }) => voting.has(coldkey))) / all) * MILLION) : 0,
  };
}

/** More than half: half of the stake on either side would make two quorums. */
export function isQuorum({ have, need, stake_ppm }: Votes): boolean {
  return have >= need && stake_ppm > MILLION / 2;
}
