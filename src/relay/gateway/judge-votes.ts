import { countVotes, type PermittedSet, type Votes } from "../quorum.ts";
import type { QuorumSignature } from "../receipt.ts";
import { GatewayRefusal } from "./refusal.ts";
import type { Submission } from "./submission.ts";

export interface Count {
  readonly votes: Votes;
  /** The author's, and those of validators; whatever others signed says nothing. */
  readonly signatures: readonly QuorumSignature[];
}

/**
 * Counts the validators that signed, among those permitted at the submission's block. A ranking is a validator's word; a
 * memory any hotkey's, which validators looked up at miners. Throws `GatewayRefusal` `not_a_validator` when no validator
 * stands behind it, or when the nonce names another uid than its author's as far as the voters tell.
 */
export function judgeVotes(submission: Submission, permitted: PermittedSet): Count {
  const { hotkey: author, nonceUid, outputType } = submission;
  const voter = permitted.validators.find(({ hotkey }) => hotkey === author);
  if (!voter && outputType !== "memory") {
    throw new GatewayRefusal("not_a_validator", "its author held no validator permit with enough stake at that block");
  }
  const named = permitted.validators.find(({ uid }) => uid === nonceUid);
  if (voter ? nonceUid !== voter.uid : named !== undefined) {
    throw new GatewayRefusal("not_a_validator", "its nonce names another uid than its author's at that block");
  }
  const voting = new Set<string>(permitted.validators.map(({ hotkey }) => hotkey));
  const signatures = submission.signatures.filter(
    ({ validator_hotkey: signer }) => voting.has(signer) || signer === author,
  );
  const votes = countVotes(
    permitted,
    signatures.map(({ validator_hotkey }) => validator_hotkey),
  );
  if (votes.have > 0) return { votes, signatures };
  throw new GatewayRefusal("not_a_validator", "none of those who signed held a validator permit at that block");
}
