import { equal } from "node:assert/strict";
import { createHash } from "node:crypto";
import { z } from "zod";
import { toHex } from "../../src/crypto/hex.ts";
import {
  canonicalPayload,
  namespaceMessage,
  requestMessage,
  signRequestBody,
  verifyHotkeySignature,
} from "../../src/crypto/request-auth.ts";
import { loadSr25519 } from "../../src/crypto/sr25519.ts";
import { decodeHotkey, hotkeyOf } from "../../src/crypto/ss58.ts";
import { bytesOf, readObject } from "./check-json.ts";
import { checker, type VectorCase } from "./checker.ts";

const signingCase = z.object({
  endpoint: z.string(),
  body_json: z.string(),
  hotkey: z.string(),
  public_key_hex: z.string(),
  nonce: z.int(),
  canonical_payload: z.string(),
  payload_sha256: z.string(),
  message: z.string(),
  signature: z.string(),
  signature_over_bytes_wrapped: z.string(),
});
const refusedCase = z.object({ hotkey: z.string(), message: z.string(), signature: z.string() });
const ownerCase = z.object({
  kind: z.enum(["ns", "attest"]),
  namespace: z.string(),
  timestamp_ms: z.int(),
  hotkey: z.string(),
  message_hex: z.string(),
  signature: z.string(),
});

export const signing = checker(
  async (vector, list) => {
    if (list === "negative") return verifyNegative(vector);
    if (list === "namespace_and_attestation") return verifyOwner(vector);
    return verifyRequest(vector);
  },
  ["cases", "negative", "namespace_and_attestation"],
);

async function verifyRequest(vector: VectorCase): Promise<void> {
  const expected = signingCase.parse(vector);
  const body = readObject(expected.body_json);
  const message = requestMessage(expected.nonce, expected.endpoint, body);
  equal(canonicalPayload(body), expected.canonical_payload);
  equal(sha256(expected.canonical_payload), expected.payload_sha256);
  equal(text(message), expected.message);
  await verifyKey(expected.hotkey, expected.public_key_hex);
  equal(await verified(expected.hotkey, message, expected.signature), true);
  equal(await verified(expected.hotkey, message, expected.signature_over_bytes_wrapped), true);
  equal(await verified(expected.hotkey, Buffer.concat([message, Buffer.from(" ")]), expected.signature), false);
}

async function verifyNegative(vector: VectorCase): Promise<void> {
  const { hotkey, message, signature } = refusedCase.parse(vector);
  equal(await verified(hotkey, Buffer.from(message, "utf8"), signature), false);
}

async function verifyOwner(vector: VectorCase): Promise<void> {
  const expected = ownerCase.parse(vector);
  const message = bytesOf(expected.message_hex);
  // Attestations are not made yet: only their signatures are checked.
  if (expected.kind === "ns") {
    equal(text(namespaceMessage(expected.namespace, expected.timestamp_ms)), text(message));
  }
  equal(await verified(expected.hotkey, message, expected.signature), true);
}

const requestHashCase = z.object({
  input: z.object({
    endpoint: z.string(),
    body_json: z.string(),
    hotkey: z.string(),
    public_key: z.string(),
  }),
  expected: z.object({
    payload_json: z.string(),
    payload_hash: z.string(),
    nonce: z.int(),
    message: z.string(),
    signature: z.string(),
  }),
});

export const requestHash = checker(async (vector) => {
  const { input, expected } = requestHashCase.parse(vector);
  const body = readObject(input.body_json);
  const message = requestMessage(expected.nonce, input.endpoint, body);
  equal(canonicalPayload(body), expected.payload_json);
  equal(sha256(expected.payload_json), expected.payload_hash);
  equal(text(message), expected.message);
  await verifyKey(input.hotkey, input.public_key);
  equal(await verified(input.hotkey, message, expected.signature), true);
  // A sender signs the bytes that the reference signed, whatever it adds to the body's text.
  const sent = signRequestBody({
    bodyText: input.body_json,
    endpoint: input.endpoint,
    nonce: expected.nonce,
    hotkey: hotkeyOf(bytesOf(input.public_key)),
    sign: (signed) => {
      equal(text(signed), expected.message);
      return bytesOf(expected.signature);
    },
  });
  equal(readObject(sent).get("signature"), expected.signature);
  equal(canonicalPayload(readObject(sent)), expected.payload_json);
});

const verifyCase = z.object({
  input: z.object({
    public_key: z.string(),
    ss58: z.string(),
    message_hex: z.string(),
    signature: z.string(),
  }),
  expected: z.object({ valid: z.boolean() }),
});

/** Relay signatures are checked plain: the wrapped form is refused there. */
export const relaySignature = checker(async (vector) => {
  const { input, expected } = verifyCase.parse(vector);
  await verifyKey(input.ss58, input.public_key);
  const sr25519 = await loadSr25519();
  const valid = sr25519.verify(bytesOf(input.signature), bytesOf(input.message_hex), bytesOf(input.public_key));
  equal(valid, expected.valid);
});

async function verifyKey(hotkey: string, publicKeyHex: string): Promise<void> {
  const publicKey = bytesOf(publicKeyHex);
  equal(hotkeyOf(publicKey), hotkey);
  equal(toHex(decodeHotkey(hotkey) ?? new Uint8Array()), toHex(publicKey));
}

async function verified(hotkey: string, message: Uint8Array, signature: string): Promise<boolean> {
  return verifyHotkeySignature(await loadSr25519(), hotkey, message, signature);
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8");
}

function sha256(value: string): string {
  return createHash("sha256").update(value, "utf8").digest("hex");
}
