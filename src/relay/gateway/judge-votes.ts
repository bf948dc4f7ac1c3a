import { countVotes, type PermittedSet, type Votes } from "../quorum.ts";
import type { QuorumSignature } from "../receipt.ts";
import { GatewayRefusal } from "./refusal.ts";
import type { Submission } from "./submission.ts";

export interface Count {
  readonly votes: Votes;
  /** Those of validators; whatever others signed says nothing. */
  readonly signatures: readonly QuorumSignature[];
}

/**
 * Counts the validators that signed, among those permitted at the submission's block. Throws `GatewayRefusal`
 * `not_a_validator` when the author is none, or when the nonce names another uid than the author's.
 */
export function judgeVotes(submission: Submission, permitted: PermittedSet): Count {
  const author = permitted.validators.find(({ hotkey }) => hotkey === submission.hotkey);
  if (!author) {
    throw new GatewayRefusal("not_a_validator", "its author held no validator permit with enough stake at that block");
  }
  if (submission.nonceUid !== author.uid) {
    throw new GatewayRefusal("not_a_validator", "its nonce names another uid than its author's at that block");
  }
  const voting = new Set<string>(permitted.validators.map(({ hotkey }) => hotkey));
  const signatures = submission.signatures.filter(({ validator_hotkey }) => voting.has(validator_hotkey));
  return {
    votes: countVotes(
      permitted,
      signatures.map(({ validator_hotkey }) => validator_hotkey),
    ),
    signatures,
  };
}
