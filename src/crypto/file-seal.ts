import { randomBytes } from "node:crypto";
import { gcmOpen, gcmSeal, IV_BYTES } from "./aes-gcm.ts";
import { fromBase64url, toBase64url } from "./base64url.ts";
import { EngramError } from "./errors.ts";

const KEY_BYTES = 32;
const TAG_BYTES = 16;

/** What sealing adds to a file: iv and tag. */
export const FILE_SEAL_BYTES = IV_BYTES + TAG_BYTES;

/** A file under a key of its own: iv, ciphertext and tag in one piece. The key, base64url, opens nothing else. */
export interface SealedFile {
  readonly key: string;
  readonly bytes: Uint8Array;
}

/** Encrypts a file with AES-256-GCM under a fresh random key: without that key the bytes say nothing but their length. */
export function sealFile(plaintext: Uint8Array): SealedFile {
  const key = randomBytes(KEY_BYTES);
  const iv = randomBytes(IV_BYTES);
  return { key: toBase64url(key), bytes: Buffer.concat([iv, gcmSeal(key, iv, plaintext)]) };
}

/** The plaintext of `sealFile`. Errors: `FILE_UNREADABLE` when key and bytes do not belong together. */
export function openFile(key: string, bytes: Uint8Array): Uint8Array {
  try {
    return gcmOpen(fromBase64url(key) ?? new Uint8Array(), bytes.subarray(0, IV_BYTES), bytes.subarray(IV_BYTES));
  } catch (cause) {
    throw new EngramError("FILE_UNREADABLE", "the archived file does not open with this memory's key", {
      fix: "use another gateway in ARWEAVE_GATEWAY_URL",
      cause,
    });
  }
}
