import { isDeepStrictEqual } from "node:util";
import type { Sr25519 } from "../../crypto/sr25519.ts";
import { readSubmission } from "../gateway/read-submission.ts";
import type { Submission } from "../gateway/submission.ts";
import { readPayload } from "../payload/read-payload.ts";
import type { Cosignature } from "../payload/types.ts";
import { verifyCosignature, verifyPayload } from "../payload/verify-payload.ts";
import { quorumHash, type Receipt } from "../receipt.ts";
import { type ClaimedItem, namesSignatures, type SubmissionState } from "./feed-wire.ts";
import { ItemRefusal } from "./item-refusal.ts";

/** What the text and its signatures prove, whatever the chain says. */
export interface ProvenSubmission {
  readonly submission: Submission;
  /** Good signatures that came after acceptance: the receipt does not cover them. */
  readonly late: readonly Cosignature[];
  /** The output as it was signed, untrusted. */
  readonly content: unknown;
}

/**
 * Hashes the submission's text anew and checks every signature; then that the item says the same. Throws
 * `ItemRefusal`, and the gateway's own refusals.
 */
export function proveSubmission(sr25519: Sr25519, item: ClaimedItem, shown: SubmissionState): ProvenSubmission {
  const read = readSubmission(sr25519, shown.submission);
  if (read.signedHash !== item.id) throw new ItemRefusal("content_differs");
  if (read.assurance !== item.assurance) throw new ItemRefusal("assurance_differs");
  const content = JSON.parse(read.content) as unknown;
  const isSame =
    read.outputHash === item.output_hash &&
    read.outputType === item.output_type &&
    read.netuid === item.netuid &&
    read.block === item.block &&
    namesSignatures(item, shown) &&
    isDeepStrictEqual(content, item.content);
  if (!isSame) throw new ItemRefusal("content_differs");
  const { signatures, late_signatures: late } = shown;
  requireSigned(sr25519, read, [...signatures, ...late]);
  // Co-signatures may have come later than the text: those the receipt covers count.
  return { submission: { ...read, signatures }, late, content };
}

/** The author's signature and the co-signatures, each over its own message (spec 14.0), one a hotkey. */
function requireSigned(sr25519: Sr25519, read: Submission, signatures: readonly Cosignature[]): void {
  const [author, ...others] = signatures;
  if (read.hotkey === null) {
    if (author) throw new ItemRefusal("content_differs");
    return;
  }
  const payload = readPayload(read.wire);
  const holds =
    author?.validator_hotkey === read.hotkey &&
    verifyPayload(sr25519, { ...payload, signature: author.signature }) === null &&
    new Set(signatures.map(({ validator_hotkey }) => validator_hotkey)).size === signatures.length &&
    others.every((cosignature) => verifyCosignature(sr25519, payload, cosignature));
  if (!holds) throw new ItemRefusal("bad_signature");
}

/** That the receipt is about this submission, as the item tells it. Throws `ItemRefusal`. */
export function requireReceiptOf(receipt: Receipt, item: ClaimedItem, { submission }: ProvenSubmission): void {
  const { signedHash, outputHash, outputType, assurance, block, signatures } = submission;
  const isSame =
    receipt.gateway_seq === item.seq &&
    receipt.receipt_hash === item.receipt_hash &&
    receipt.accepted_at_ms === item.accepted_at_ms &&
    receipt.chain === item.chain &&
    receipt.signed_hash === signedHash &&
    receipt.output_hash === outputHash &&
    receipt.output_type === outputType &&
    receipt.assurance === assurance &&
    receipt.accepted_at_block >= block &&
    (receipt.payment_hash !== null) === item.verified.payment;
  if (!isSame) throw new ItemRefusal("receipt_differs");
  const covered = assurance === "quorum" ? quorumHash(signedHash, signatures) : null;
  if (receipt.qc_hash !== covered) throw new ItemRefusal("quorum_differs");
}
