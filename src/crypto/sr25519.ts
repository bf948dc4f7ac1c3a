import { EngramError } from "./errors.ts";
import { loadWasmCrypto } from "./wasm-crypto.ts";

const PUBLIC_KEY_BYTES = 32;
export const SIGNATURE_BYTES = 64;

/** An sr25519 key pair. Print nothing of it but `publicKey`. */
export interface Sr25519Pair {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 64 bytes: scalar and nonce. */
  readonly secretKey: Uint8Array;
}

/** Schnorr signatures over Ristretto25519 with signing context `substrate` (spec 5). */
export interface Sr25519 {
  /** The pair of a 32-byte seed (mini secret). Throws `SEED_INVALID` for another length. */
  pairFromSeed(seed: Uint8Array): Sr25519Pair;
  /** A 64-byte signature; it is randomised, so two of the same message differ. */
  sign(pair: Sr25519Pair, message: Uint8Array): Uint8Array;
  /** Never throws: anything malformed is `false`, and so is the all-zero key, under which anyone can sign (F11). */
  verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
}

/** Loads the one implementation of sr25519; its functions are synchronous. */
export async function loadSr25519(): Promise<Sr25519> {
  const wasm = await loadWasmCrypto();
  return {
    pairFromSeed(seed) {
      if (seed.length !== 32) throw new EngramError("SEED_INVALID", "An sr25519 seed has 32 bytes.");
      const pair = wasm.sr25519KeypairFromSeed(seed);
      return { secretKey: pair.slice(0, 64), publicKey: pair.slice(64) };
    },
    sign: (pair, message) => wasm.sr25519Sign(pair.publicKey, pair.secretKey, message),
    verify(signature, message, publicKey) {
      if (signature.length !== SIGNATURE_BYTES || publicKey.length !== PUBLIC_KEY_BYTES) return false;
      if (publicKey.every((byte) => byte === 0)) return false;
      try {
        return wasm.sr25519Verify(signature, message, publicKey);
      } catch {
        return false;
      }
    },
  };
}
