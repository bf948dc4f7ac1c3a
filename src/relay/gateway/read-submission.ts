import { isEngramError } from "../../crypto/errors.ts";
import type { Sr25519 } from "../../crypto/sr25519.ts";
import { type Hotkey, hotkeyOf } from "../../crypto/ss58.ts";
import { isSubnetObject, type SubnetObject } from "../../crypto/subnet-json.ts";
import { readSubnetJson } from "../../crypto/subnet-json-reader.ts";
import { writeCompact } from "../../crypto/subnet-json-writer.ts";
import { checkSignature, type SignatureCheck } from "../../node/runtime/signature-check.ts";
import type { SignatureVerifier } from "../../node/runtime/signature-pool.ts";
import { cosignMessage, outputHash, payloadMessage, signedHash } from "../payload/hashes.ts";
import { payerCheck } from "../payload/payer-binding.ts";
import { payloadOf, readPayload } from "../payload/read-payload.ts";
import type { SignedPayload } from "../payload/types.ts";
import { hashProblem, outputDocument } from "../payload/verify-payload.ts";
import type { QuorumSignature } from "../receipt.ts";
import { GatewayRefusal } from "./refusal.ts";
import type { Submission } from "./submission.ts";

const PROBLEMS = {
  bad_signature: "signed_hash or a signature does not fit the body",
  output_hash_mismatch: "output_hash is not the hash of the output",
  malformed: "a text in the output does not have the hash beside it",
} as const;

/** A submission whose form and hashes hold; `checks` are the signatures it claims. */
export interface UnverifiedSubmission {
  readonly submission: Submission;
  readonly checks: readonly SignatureCheck[];
}

/**
 * Reads a submission and checks what needs no key: form and hashes. Throws `GatewayRefusal` `malformed`,
 * `non_canonical`, `bad_signature` or `output_hash_mismatch`.
 */
export function parseSubmission(wire: string): UnverifiedSubmission {
  const plain = readPlain(wire);
  if (plain) return { submission: plainSubmission(plain, wire), checks: [] };
  const payload = readable(() => readPayload(wire));
  const problem = readable(() => hashProblem(payload));
  if (problem) throw new GatewayRefusal(problem, PROBLEMS[problem]);
  const { cosignatures, validatorHotkey, signature, signedHash: hash } = payload;
  if (new Set(cosignatures.map(({ validator_hotkey }) => validator_hotkey)).size < cosignatures.length) {
    throw new GatewayRefusal("malformed", "one co-signature a hotkey");
  }
  if (cosignatures.some(({ validator_hotkey }) => validator_hotkey === validatorHotkey)) {
    throw new GatewayRefusal("bad_signature", "a co-signature is the author's own");
  }
  const author = { validator_hotkey: validatorHotkey, signature };
  const isQuorum = asksForQuorum(payload);
  const submission: Submission = {
    ...partsOf(payload, wire),
    signedHash: hash,
    assurance: isQuorum ? "quorum" : "author",
    hotkey: validatorHotkey,
    signatures: isQuorum ? [author, ...cosignatures] : [author],
  };
  const own = { hotkey: validatorHotkey, message: payloadMessage(hash), signature, unwrapped: true };
  const paid = payerChecks(submission, validatorHotkey);
  return { submission, checks: [own, ...cosignatureChecks(submission, cosignatures), ...paid] };
}

/** For whom it was relayed is its signer's word, so that word must be signed. */
function payerChecks({ wire, signedHash: hash }: Submission, hotkey: Hotkey): readonly SignatureCheck[] {
  const document = readable(() => readSubnetJson(wire));
  const check = isSubnetObject(document) ? payerCheck(document, { signedHash: hash, hotkey }) : null;
  if (check === undefined) throw new GatewayRefusal("malformed", "payer_binding is malformed");
  return check === null ? [] : [check];
}

/** What each co-signature of a submission must be over. */
export function cosignatureChecks(
  { netuid, block, outputHash: output, signedHash: signed }: Submission,
  cosignatures: readonly QuorumSignature[],
): readonly SignatureCheck[] {
  const message = cosignMessage({ netuid, block, outputHash: output, signedHash: signed });
  return cosignatures.map(({ validator_hotkey: hotkey, signature }) => ({
    hotkey,
    message,
    signature,
    unwrapped: true,
  }));
}

/** As `parseSubmission`, with every signature checked here. Throws the same. */
export function readSubmission(sr25519: Sr25519, wire: string): Submission {
  const { submission, checks } = parseSubmission(wire);
  if (checks.every((check) => checkSignature(sr25519, check))) return submission;
  throw badSignature();
}

/** The submission once `verifier` has found every signature good. Throws `GatewayRefusal` `bad_signature` or `busy`. */
export async function verifySubmission(
  verifier: SignatureVerifier,
  { submission, checks }: UnverifiedSubmission,
): Promise<Submission> {
  await requireSigned(verifier, checks);
  return submission;
}

/** Throws `GatewayRefusal` `bad_signature` or `busy`. */
export async function requireSigned(verifier: SignatureVerifier, checks: readonly SignatureCheck[]): Promise<void> {
  try {
    const found = await Promise.all(checks.map((check) => verifier.verify(check)));
    if (found.every((isValid) => isValid)) return;
  } catch (error) {
    if (!isEngramError(error, "SIGNATURES_BUSY")) throw error;
    throw new GatewayRefusal("busy", "too many signatures wait to be checked", 1);
  }
  throw badSignature();
}

function badSignature(): GatewayRefusal {
  return new GatewayRefusal("bad_signature", PROBLEMS.bad_signature);
}

/**
 * Rankings say nothing below a quorum, and memories ask for one by bringing co-signatures. What a model answered
 * nobody can check: it is its author's word, whoever else signs (design: relay).
 */
function asksForQuorum({ content, cosignatures }: SignedPayload): boolean {
  return content.type === "ranking" || (content.type === "memory" && cosignatures.length > 0);
}

/** The object in `wire` when nobody signed it; undefined when somebody did, or it is no object. */
function readPlain(wire: string): SubnetObject | undefined {
  const document = readable(() => readSubnetJson(wire));
  if (!isSubnetObject(document) || document.has("signature") || document.has("validator_hotkey")) return undefined;
  if (writeCompact(document) !== wire) {
    throw new GatewayRefusal("non_canonical", "send compact ASCII JSON without blanks, each key once");
  }
  return document;
}

/** Who reads it needs the envelope's form; these stand for a key and a signature that are not there. */
const NOBODY = {
  validator_hotkey: hotkeyOf(new Uint8Array(32)),
  signature: `0x${"00".repeat(64)}`,
  signed_hash: "00".repeat(32),
};

function plainSubmission(document: SubnetObject, wire: string): Submission {
  const stated = document.get("signed_hash");
  const payload = readable(() => payloadOf(new Map([...document, ...Object.entries(NOBODY)])));
  if (payload.content.type === "ranking" || payload.cosignatures.length > 0) {
    throw new GatewayRefusal("bad_signature", "a ranking needs the signatures of validators");
  }
  const hash = signedHash(payload.body);
  if (stated !== undefined && stated !== hash) throw new GatewayRefusal("bad_signature", PROBLEMS.bad_signature);
  if (outputHash(payload.content.type, outputDocument(payload)) !== payload.outputHash) {
    throw new GatewayRefusal("output_hash_mismatch", PROBLEMS.output_hash_mismatch);
  }
  return { ...partsOf(payload, wire), signedHash: hash, assurance: "payer", hotkey: null, signatures: [] };
}

function partsOf(payload: SignedPayload, wire: string) {
  const { schemaVersion, content, netuid, block, blockHash, roundId, nonce, nonceParts } = payload;
  return {
    schemaVersion,
    outputType: content.type,
    outputHash: payload.outputHash,
    netuid,
    block,
    blockHash,
    roundId,
    nonce,
    nonceUid: nonceParts.uid,
    wire,
    content: writeCompact(outputDocument(payload)),
  };
}

function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (isEngramError(error, "PAYLOAD_NOT_CANONICAL")) {
      throw new GatewayRefusal("non_canonical", "send compact ASCII JSON without blanks, each key once");
    }
    if (isEngramError(error)) throw new GatewayRefusal("malformed", "the body is no payload; see docs/schemas/relay");
    throw error;
  }
}
