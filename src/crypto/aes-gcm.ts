import { createCipheriv, createDecipheriv } from "node:crypto";

export const IV_BYTES = 12;
const TAG_BYTES = 16;

/** AES-256-GCM without additional data: ciphertext and tag in one piece (spec 10.2). */
export function gcmSeal(key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const cipher = createCipheriv("aes-256-gcm", key, iv, { authTagLength: TAG_BYTES });
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** The plaintext of `gcmSeal`. Throws when key, iv or bytes do not belong together. */
export function gcmOpen(key: Uint8Array, iv: Uint8Array, sealed: Uint8Array): Uint8Array {
  if (sealed.length < TAG_BYTES) throw new RangeError("shorter than its tag");
  const border = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv("aes-256-gcm", key, iv, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(sealed.subarray(border));
  return Buffer.concat([decipher.update(sealed.subarray(0, border)), decipher.final()]);
}
