import type { Metagraph, Neuron } from "../../node/ports.ts";
import type { QuorumSignature } from "../receipt.ts";
import { GatewayRefusal } from "./refusal.ts";
import type { Submission, Votes } from "./submission.ts";

/** Two thirds and one, and never a single validator (guide 4.3). */
export function quorumNeed(voters: number): number {
  return Math.max(2, Math.floor((2 * voters) / 3) + 1);
}

export interface Count {
  readonly votes: Votes;
  /** Those of validators; whatever others signed says nothing. */
  readonly signatures: readonly QuorumSignature[];
}

/**
 * Counts the validators that signed: hotkeys that held a permit and the stake at the submission's block, one vote a
 * coldkey, since keys of one owner agree with themselves. Throws `GatewayRefusal` `not_a_validator` when the author
 * is none, or when the nonce names another uid than the author's.
 */
export function countVotes(submission: Submission, metagraph: Metagraph, minStakeTao: number): Count {
  const voters = metagraph.neurons.filter((neuron) => mayVote(neuron, minStakeTao));
  const author = voters.find(({ hotkey }) => hotkey === submission.hotkey);
  if (!author) {
    throw new GatewayRefusal("not_a_validator", "its author held no validator permit with enough stake at that block");
  }
  if (submission.nonceUid !== author.uid) {
    throw new GatewayRefusal("not_a_validator", "its nonce names another uid than its author's at that block");
  }
  const coldkeys = new Map(voters.map(({ hotkey, coldkey }) => [hotkey as string, coldkey]));
  const signatures = submission.signatures.filter(({ validator_hotkey }) => coldkeys.has(validator_hotkey));
  const signed = new Set(signatures.map(({ validator_hotkey }) => coldkeys.get(validator_hotkey)));
  return { votes: { have: signed.size, need: quorumNeed(new Set(coldkeys.values()).size) }, signatures };
}

function mayVote({ validatorPermit, stakeTao }: Neuron, minStakeTao: number): boolean {
  return validatorPermit && stakeTao >= minStakeTao;
}
