import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from "node:crypto";

const KEY_BYTES = 32;
// DER heads of RFC 8410 keys: node:crypto takes raw X25519 keys in no shorter form on every Node we support.
const pkcs8Head = Buffer.from("302e020100300506032b656e04220420", "hex");
const spkiHead = Buffer.from("302a300506032b656e032100", "hex");

/** An X25519 key pair, 32 raw bytes each. */
export interface X25519Pair {
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** The pair of a raw private key; the function clamps, so any 32 bytes will do. */
export function x25519Pair(privateKey: Uint8Array): X25519Pair {
  const publicKey = createPublicKey(privateKeyObject(privateKey)).export({ type: "spki", format: "der" });
  return { privateKey, publicKey: new Uint8Array(publicKey.subarray(spkiHead.length)) };
}

/** The shared secret. Throws for keys of a wrong length and for an all-zero result (a low-order public key). */
export function x25519Shared(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  assertLength(publicKey);
  const publicKeyObject = createPublicKey({
    key: Buffer.concat([spkiHead, publicKey]),
    format: "der",
    type: "spki",
  });
  const shared = diffieHellman({ privateKey: privateKeyObject(privateKey), publicKey: publicKeyObject });
  if (shared.every((byte) => byte === 0)) throw new RangeError("the shared secret is zero");
  return new Uint8Array(shared);
}

function privateKeyObject(privateKey: Uint8Array): KeyObject {
  assertLength(privateKey);
  return createPrivateKey({ key: Buffer.concat([pkcs8Head, privateKey]), format: "der", type: "pkcs8" });
}

function assertLength(key: Uint8Array): void {
  if (key.length !== KEY_BYTES) throw new RangeError("an X25519 key has 32 bytes");
}
