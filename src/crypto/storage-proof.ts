import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { embeddingHash } from "./embedding-hash.ts";
import { toHex } from "./hex.ts";

/** A miner's answer to a challenge (spec 3). Both fields are 64 lower-case hex digits. */
export interface StorageProof {
  readonly embedding_hash: string;
  readonly proof: string;
}

/**
 * The proof of spec 3 over the embedding that is stored. `nonce` and `validatorKey` have 32 bytes; no key is 32 zero
 * bytes. It shows freshness, not possession: the hash alone is enough to answer (M-W9).
 */
export function storageProof(embedding: Float32Array, nonce: Uint8Array, validatorKey: Uint8Array): StorageProof {
  if (nonce.length !== 32 || validatorKey.length !== 32) throw new RangeError("nonce and validator key have 32 bytes");
  const key = createHash("sha256").update(validatorKey).update(nonce).digest();
  const hash = embeddingHash(embedding);
  return { embedding_hash: hash, proof: toHex(createHmac("sha256", key).update(hash, "ascii").digest()) };
}

/** Whether `answer` is the proof of `embedding`, compared in constant time. Text of another shape is `false`. */
export function verifyStorageProof(
  answer: StorageProof,
  embedding: Float32Array,
  nonce: Uint8Array,
  validatorKey: Uint8Array,
): boolean {
  const expected = storageProof(embedding, nonce, validatorKey);
  return equalText(answer.proof, expected.proof) && equalText(answer.embedding_hash, expected.embedding_hash);
}

function equalText(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left, "utf8"), Buffer.from(right, "utf8")];
  return a.length === b.length && timingSafeEqual(a, b);
}
