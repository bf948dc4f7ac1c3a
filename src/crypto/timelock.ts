import { createHash, randomBytes } from "node:crypto";
import { bls12_381 as bls } from "@noble/curves/bls12-381.js";
import { gcmSeal, IV_BYTES } from "./aes-gcm.ts";

/** The drand network `quicknet`: its public key (G2), and its rounds in unix seconds. */
export const QUICKNET = {
  publicKey:
    "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a",
  genesisSeconds: 1_692_803_367,
  periodSeconds: 3,
} as const;

/** How quicknet's rounds are hashed to G1: drand's scheme `bls-unchained-g1-rfc9380`. */
const ROUND_DST = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";
const CIPHER_SUITE = Buffer.from("AES_GCM_");
const KEY_BYTES = 32;

/** What a seal draws at random; given by hand it makes a seal that can be compared byte for byte. */
export interface SealRandomness {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** 32 bytes. */
  readonly sigma: Uint8Array;
  /** 12 bytes. */
  readonly nonce: Uint8Array;
}

/**
 * Encrypts `plaintext` so that it opens with quicknet's signature of `round` alone, which is published when the round's
 * time has come: identity-based encryption of an AES-256-GCM key, as the chain's timelocked commits have it. Nobody is
 * asked for anything.
 */
export function timelockSeal(plaintext: Uint8Array, round: number, randomness = drawn()): Uint8Array {
  const { key, sigma, nonce } = randomness;
  const scalar = bigEndian(sha256(sigma, key)) % bls.fields.Fr.ORDER;
  const blinded = bls.G2.Point.fromHex(QUICKNET.publicKey).multiply(scalar);
  const shared = bls.pairing(roundIdentity(round), blinded);
  const maskedSigma = xor(sigma, sha256(targetBytes(shared)));
  const maskedKey = xor(key, sha256(sigma));
  const body = Buffer.concat([sized(gcmSeal(key, nonce, plaintext)), sized(nonce)]);
  const hint = bls.G2.Point.BASE.multiply(scalar).toBytes(true);
  return new Uint8Array(Buffer.concat([hint, sized(maskedSigma), sized(maskedKey), sized(body), sized(CIPHER_SUITE)]));
}

/** The point of G1 that quicknet signs in `round`. */
export function roundIdentity(round: number) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(round));
  return bls.G1.hashToCurve(sha256(bytes), { DST: ROUND_DST });
}

type Target = ReturnType<typeof bls.pairing>;

/** An element of the target group as the chain's library writes it: coefficients upwards, each little-endian. */
export function targetBytes(element: Target): Uint8Array {
  const halves = [element.c0, element.c1];
  const coefficients = halves.flatMap(({ c0, c1, c2 }) => [c0, c1, c2]).flatMap(({ c0, c1 }) => [c0, c1]);
  return Buffer.concat(coefficients.map((value) => Buffer.from(bls.fields.Fp.toBytes(value)).reverse()));
}

function drawn(): SealRandomness {
  return { key: randomBytes(KEY_BYTES), sigma: randomBytes(KEY_BYTES), nonce: randomBytes(IV_BYTES) };
}

function sha256(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function bigEndian(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString("hex")}`);
}

function xor(one: Uint8Array, other: Uint8Array): Uint8Array {
  return one.map((byte, index) => byte ^ (other[index] ?? 0));
}

function sized(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([length, bytes]);
}
