import { hkdfSync, randomBytes } from "node:crypto";
import { gcmOpen, gcmSeal, IV_BYTES } from "./aes-gcm.ts";
import { fromBase64url, toBase64url } from "./base64url.ts";
import { EngramError } from "./errors.ts";
import { x25519Pair, x25519Shared } from "./x25519.ts";

const PUBLIC_KEY_BYTES = 32;

/** The random part of an envelope: used once, then gone. */
export interface EnvelopeRandomness {
  readonly ephemeralPrivateKey: Uint8Array;
  readonly iv: Uint8Array;
}

/** The hybrid scheme of spec 10.2 as the text that travels in `_enc`. */
export function sealEnvelope(plaintext: Uint8Array, recipientPublicKey: Uint8Array): string {
  return toBase64url(sealEnvelopeBytes(plaintext, recipientPublicKey, freshRandomness()));
}

/** The plaintext of an envelope. Whatever is wrong, the error is one: `ENVELOPE_UNREADABLE`. */
export function openEnvelope(blob: string, recipientPrivateKey: Uint8Array): Uint8Array {
  const wire = fromBase64url(blob);
  if (wire === undefined) throw envelopeUnreadable();
  return openEnvelopeBytes(wire, recipientPrivateKey);
}

/** The scheme's wire bytes: ephemeral public key, iv, ciphertext, tag. `randomness` must never be used twice. */
export function sealEnvelopeBytes(
  plaintext: Uint8Array,
  recipientPublicKey: Uint8Array,
  randomness: EnvelopeRandomness,
): Uint8Array {
  const ephemeral = x25519Pair(randomness.ephemeralPrivateKey);
  const key = envelopeKey(x25519Shared(ephemeral.privateKey, recipientPublicKey), ephemeral.publicKey);
  return Buffer.concat([ephemeral.publicKey, randomness.iv, gcmSeal(key, randomness.iv, plaintext)]);
}

/** As `openEnvelope`, for wire bytes. */
export function openEnvelopeBytes(wire: Uint8Array, recipientPrivateKey: Uint8Array): Uint8Array {
  try {
    const ephemeralPublicKey = wire.subarray(0, PUBLIC_KEY_BYTES);
    const iv = wire.subarray(PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES + IV_BYTES);
    const key = envelopeKey(x25519Shared(recipientPrivateKey, ephemeralPublicKey), ephemeralPublicKey);
    return gcmOpen(key, iv, wire.subarray(PUBLIC_KEY_BYTES + IV_BYTES));
  } catch {
    throw envelopeUnreadable();
  }
}

/** The one error of everything that does not open; it says nothing about why, so it is no oracle. */
export function envelopeUnreadable(): EngramError {
  return new EngramError("ENVELOPE_UNREADABLE", "This envelope cannot be opened with the key of its namespace.", {
    fix: "Check that the namespace and its key are the ones it was written with; the bytes may also be damaged.",
  });
}

function freshRandomness(): EnvelopeRandomness {
  return { ephemeralPrivateKey: randomBytes(PUBLIC_KEY_BYTES), iv: randomBytes(IV_BYTES) };
}

function envelopeKey(shared: Uint8Array, ephemeralPublicKey: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", shared, ephemeralPublicKey, "engram-hybrid-v1", 32));
}
