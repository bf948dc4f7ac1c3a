import type { SignatureVerifier } from "../../node/runtime/signature-pool.ts";
import { countVotes, type PermittedSet } from "../quorum.ts";
import type { QuorumSignature } from "../receipt.ts";
import type { LateSignatures } from "./gateway-operations.ts";
import { cosignatureChecks, requireSigned } from "./read-submission.ts";
import type { StoredSubmission, Submission } from "./submission.ts";

/** The signatures of `offered` that are not known of an accepted submission. */
export function unknownSignatures(
  { signatures, lateSignatures }: StoredSubmission,
  offered: readonly QuorumSignature[],
): readonly QuorumSignature[] {
  const known = new Set([...signatures, ...lateSignatures].map(({ validator_hotkey }) => validator_hotkey));
  return offered.filter(({ validator_hotkey }) => !known.has(validator_hotkey));
}

/**
 * What late signatures add to an accepted submission: those of validators alone; null when nothing. Throws
 * `GatewayRefusal` `bad_signature` or `busy`.
 */
export async function judgeLate(
  verifier: SignatureVerifier,
  stored: StoredSubmission,
  submission: Submission,
  late: readonly QuorumSignature[],
  permitted: PermittedSet,
): Promise<LateSignatures | null> {
  const voting = new Set<string>(permitted.validators.map(({ hotkey }) => hotkey));
  const counted = late.filter(({ validator_hotkey }) => voting.has(validator_hotkey));
  if (counted.length === 0) return null;
  await requireSigned(verifier, cosignatureChecks(submission, counted));
  const all = [...stored.signatures, ...stored.lateSignatures, ...counted];
  const votes = countVotes(
    permitted,
    all.map(({ validator_hotkey }) => validator_hotkey),
  );
  return { signedHash: stored.signedHash, late: counted, votes };
}
