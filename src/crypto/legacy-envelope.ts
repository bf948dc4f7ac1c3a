import { pbkdf2 } from "node:crypto";
import { promisify } from "node:util";
import { gcmOpen, IV_BYTES } from "./aes-gcm.ts";
import { fromBase64url } from "./base64url.ts";
import { envelopeUnreadable } from "./envelope.ts";

const ITERATIONS = 100_000;
const derive = promisify(pbkdf2);

/**
 * Opens an envelope of the old password scheme (spec 10.3). There is no writer: the reference's registry stores the
 * very key as `key_hash`, so a miner could read along (M-W4, F2). Every failure is `ENVELOPE_UNREADABLE`.
 */
export async function openLegacyEnvelope(blob: string, namespaceKey: string, namespace: string): Promise<Uint8Array> {
  const wire = fromBase64url(blob);
  if (wire === undefined) throw envelopeUnreadable();
  return openLegacyEnvelopeBytes(wire, namespaceKey, namespace);
}

/** As `openLegacyEnvelope`, for wire bytes: iv, ciphertext, tag. */
export async function openLegacyEnvelopeBytes(
  wire: Uint8Array,
  namespaceKey: string,
  namespace: string,
): Promise<Uint8Array> {
  // The asynchronous form: 100,000 rounds take 65 ms, too long for the event loop.
  const key = await derive(namespaceKey, namespace, ITERATIONS, 32, "sha256");
  try {
    return gcmOpen(key, wire.subarray(0, IV_BYTES), wire.subarray(IV_BYTES));
  } catch {
    throw envelopeUnreadable();
  }
}
