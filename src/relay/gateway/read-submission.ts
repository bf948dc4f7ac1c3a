import { isEngramError } from "../../crypto/errors.ts";
import type { Sr25519 } from "../../crypto/sr25519.ts";
import { hotkeyOf } from "../../crypto/ss58.ts";
import { isSubnetObject, type SubnetObject } from "../../crypto/subnet-json.ts";
import { readSubnetJson } from "../../crypto/subnet-json-reader.ts";
import { writeCompact } from "../../crypto/subnet-json-writer.ts";
import { outputHash, signedHash } from "../payload/hashes.ts";
import { payloadOf, readPayload } from "../payload/read-payload.ts";
import type { SignedPayload } from "../payload/types.ts";
import { outputDocument, verifyCosignature, verifyPayload } from "../payload/verify-payload.ts";
import { GatewayRefusal } from "./refusal.ts";
import type { Submission } from "./submission.ts";

const PROBLEMS = {
  bad_signature: "signed_hash or a signature does not fit the body",
  output_hash_mismatch: "output_hash is not the hash of the output",
  malformed: "a text in the output does not have the hash beside it",
} as const;

/**
 * Reads a submission and checks everything that the text alone can prove: form, hashes, signatures. Throws
 * `GatewayRefusal` `malformed`, `non_canonical`, `bad_signature` or `output_hash_mismatch`.
 */
export function readSubmission(sr25519: Sr25519, wire: string): Submission {
  const plain = readPlain(wire);
  if (plain) return plainSubmission(plain, wire);
  const payload = readable(() => readPayload(wire));
  const problem = readable(() => verifyPayload(sr25519, payload));
  if (problem) throw new GatewayRefusal(problem, PROBLEMS[problem]);
  const { cosignatures, validatorHotkey, signature } = payload;
  if (new Set(cosignatures.map(({ validator_hotkey }) => validator_hotkey)).size < cosignatures.length) {
    throw new GatewayRefusal("malformed", "one co-signature a hotkey");
  }
  if (!cosignatures.every((cosignature) => verifyCosignature(sr25519, payload, cosignature))) {
    throw new GatewayRefusal("bad_signature", "a co-signature does not fit, or is the author's own");
  }
  const author = { validator_hotkey: validatorHotkey, signature };
  const isQuorum = asksForQuorum(payload);
  return {
    ...partsOf(payload, wire),
    signedHash: payload.signedHash,
    assurance: isQuorum ? "quorum" : "author",
    hotkey: validatorHotkey,
    signatures: isQuorum ? [author, ...cosignatures] : [author],
  };
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
