import { fromHex } from "../../crypto/hex.ts";
import { SIGNATURE_BYTES, type Sr25519 } from "../../crypto/sr25519.ts";
import { decodeHotkey, type Hotkey } from "../../crypto/ss58.ts";
import { isSubnetObject, type SubnetObject } from "../../crypto/subnet-json.ts";
import { cosignMessage, outputHash, payloadMessage, sha256Hex, signedHash } from "./hashes.ts";
import type { Cosignature, Output, SignedPayload } from "./types.ts";

/** Why a payload does not hold, in the words of the wire (spec 14.0). */
export type PayloadProblem = "bad_signature" | "output_hash_mismatch" | "malformed";

/** Recomputes both hashes, checks the signature and the hashes inside the output; null when all of it holds. */
export function verifyPayload(sr25519: Sr25519, payload: SignedPayload): PayloadProblem | null {
  const { validatorHotkey, signature, signedHash: hash } = payload;
  const problem = hashProblem(payload);
  if (problem === "bad_signature") return problem;
  return verifies(sr25519, validatorHotkey, payloadMessage(hash), signature) ? problem : "bad_signature";
}

/** As `verifyPayload`, of the hashes alone: what needs no key. */
export function hashProblem(payload: SignedPayload): PayloadProblem | null {
  const { body, content } = payload;
  if (signedHash(body) !== payload.signedHash) return "bad_signature";
  if (outputHash(content.type, outputDocument(payload)) !== payload.outputHash) return "output_hash_mismatch";
  return textsMatch(content) ? null : "malformed";
}

/** Whether `cosignature` is its hotkey's over this payload. The proposer's own does not count (spec 14.2). */
export function verifyCosignature(sr25519: Sr25519, payload: SignedPayload, cosignature: Cosignature): boolean {
  const { validator_hotkey: hotkey, signature } = cosignature;
  return hotkey !== payload.validatorHotkey && verifies(sr25519, hotkey, cosignMessage(payload), signature);
}

/** The output as it was sent, with its number tokens. */
export function outputDocument({ body, schemaVersion }: SignedPayload): SubnetObject {
  if (schemaVersion === "engram-v1") return new Map([["scores", body.get("scores") ?? null]]);
  const output = body.get("output");
  return isSubnetObject(output) ? output : new Map();
}

function verifies(sr25519: Sr25519, hotkey: Hotkey, message: Uint8Array, signatureText: string): boolean {
  const [key, signature] = [decodeHotkey(hotkey), fromHex(signatureText, SIGNATURE_BYTES)];
  return key !== undefined && signature !== undefined && sr25519.verify(signature, message, key);
}

function textsMatch(content: Output): boolean {
  switch (content.type) {
    case "ranking":
      return true;
    case "memory":
      return content.output.items.every((item) => item.text === null || sha256Hex(item.text) === item.content_sha256);
    case "inference":
      return sha256Hex(content.output.completion) === content.output.completion_sha256;
  }
}
