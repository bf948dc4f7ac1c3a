import { deepEqual, equal, rejects, throws } from "node:assert/strict";
import { z } from "zod";
import { toBase64url } from "../../src/crypto/base64url.ts";
import { openEnvelope, openEnvelopeBytes, sealEnvelopeBytes } from "../../src/crypto/envelope.ts";
import { toHex } from "../../src/crypto/hex.ts";
import { openLegacyEnvelope, openLegacyEnvelopeBytes } from "../../src/crypto/legacy-envelope.ts";
import { x25519Pair, x25519Shared } from "../../src/crypto/x25519.ts";
import { bytesOf } from "./check-json.ts";
import { checker, type VectorCase } from "./checker.ts";

const plaintextFields = {
  iv_hex: z.string(),
  plaintext_json: z.string(),
  text: z.string(),
  metadata: z.record(z.string(), z.unknown()),
  blob_b64url: z.string(),
  raw_plaintext_hex: z.string(),
  raw_cipher_hex: z.string(),
};
const hybridCase = z.object({
  recipient_private_hex: z.string(),
  recipient_public_hex: z.string(),
  ephemeral_private_hex: z.string(),
  ephemeral_public_hex: z.string(),
  shared_secret_hex: z.string(),
  ...plaintextFields,
});
const unreadableCase = z.object({ recipient_private_hex: z.string(), blob_b64url: z.string() });
const legacyCase = z.object({ namespace: z.string(), namespace_key: z.string(), ...plaintextFields });
const unreadable = { code: "ENVELOPE_UNREADABLE" };

export const hybridEncryption = checker(
  (vector, list) => (list === "negative" ? verifyUnreadable(vector) : verifyHybrid(vector)),
  ["cases", "negative"],
);

function verifyHybrid(vector: VectorCase): void {
  const expected = hybridCase.parse(vector);
  const recipient = x25519Pair(bytesOf(expected.recipient_private_hex));
  const ephemeralPrivateKey = bytesOf(expected.ephemeral_private_hex);
  const randomness = { ephemeralPrivateKey, iv: bytesOf(expected.iv_hex) };
  equal(toHex(recipient.publicKey), expected.recipient_public_hex);
  equal(toHex(x25519Pair(ephemeralPrivateKey).publicKey), expected.ephemeral_public_hex);
  equal(toHex(x25519Shared(recipient.privateKey, bytesOf(expected.ephemeral_public_hex))), expected.shared_secret_hex);

  const sealed = sealEnvelopeBytes(Buffer.from(expected.plaintext_json), recipient.publicKey, randomness);
  equal(toBase64url(sealed), expected.blob_b64url);
  const raw = sealEnvelopeBytes(bytesOf(expected.raw_plaintext_hex), recipient.publicKey, randomness);
  equal(toHex(raw), expected.raw_cipher_hex);

  verifyPlaintext(openEnvelope(expected.blob_b64url, recipient.privateKey), expected);
  verifyPlaintext(openEnvelope(expected.blob_b64url.replace(/=+$/, ""), recipient.privateKey), expected);
  const opened = openEnvelopeBytes(bytesOf(expected.raw_cipher_hex), recipient.privateKey);
  equal(toHex(opened), expected.raw_plaintext_hex);
}

function verifyUnreadable(vector: VectorCase): void {
  const { recipient_private_hex, blob_b64url } = unreadableCase.parse(vector);
  throws(() => openEnvelope(blob_b64url, bytesOf(recipient_private_hex)), unreadable);
}

/** Read-only: nothing writes the old scheme (M-W4). */
export const namespaceEncryption = checker(async (vector) => {
  const expected = legacyCase.parse(vector);
  const { namespace, namespace_key, blob_b64url } = expected;
  verifyPlaintext(await openLegacyEnvelope(blob_b64url, namespace_key, namespace), expected);
  const raw = await openLegacyEnvelopeBytes(bytesOf(expected.raw_cipher_hex), namespace_key, namespace);
  equal(toHex(raw), expected.raw_plaintext_hex);
  await rejects(openLegacyEnvelope(blob_b64url, `${namespace_key}x`, namespace), unreadable);
});

function verifyPlaintext(
  plaintext: Uint8Array,
  expected: { readonly plaintext_json: string; readonly text: string; readonly metadata: unknown },
): void {
  const text = Buffer.from(plaintext).toString("utf8");
  equal(text, expected.plaintext_json);
  deepEqual(JSON.parse(text), { text: expected.text, metadata: expected.metadata });
}
