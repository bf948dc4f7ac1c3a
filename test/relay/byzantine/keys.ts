import { hash } from "node:crypto";
import type { Sr25519 } from "../../../src/crypto/sr25519.ts";
import { hotkeyOf } from "../../../src/crypto/ss58.ts";
import type { PayloadSigner } from "../../../src/relay/payload/sign-payload.ts";

/**
 * Signatures for simulations of thousands of rounds: nobody makes one without the seed, and checking costs a hash. The
 * tests run the same rounds with the real ones too, fewer of them.
 */
export function quickSignatures(): Sr25519 {
  const secrets = new Map<string, Uint8Array>();
  return {
    pairFromSeed: (seed) => {
      const publicKey = hash("sha256", seed, "buffer");
      secrets.set(publicKey.toString("hex"), seed);
      return { publicKey, secretKey: seed };
    },
    sign: ({ secretKey }, message) => tag(secretKey, message),
    verify: (signature, message, publicKey) => {
      const secret = secrets.get(Buffer.from(publicKey).toString("hex"));
      return secret !== undefined && tag(secret, message).equals(signature);
    },
  };
}

function tag(secret: Uint8Array, message: Uint8Array): Buffer {
  return hash("sha512", Buffer.concat([secret, message]), "buffer");
}

export function signerOf(sr25519: Sr25519, name: string): PayloadSigner {
  const pair = sr25519.pairFromSeed(hash("sha256", name, "buffer"));
  return { hotkey: hotkeyOf(pair.publicKey), sign: (message) => sr25519.sign(pair, message) };
}
