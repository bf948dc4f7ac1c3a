import { createHash } from "node:crypto";
import { toHex } from "./hex.ts";

/** The components as IEEE-754 binary32, little-endian (as every machine Node runs on), one after the other (spec 2.1). */
export function embeddingBytes(embedding: Float32Array | readonly number[]): Uint8Array {
  const vector = embedding instanceof Float32Array ? embedding : Float32Array.from(embedding);
  return new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
}

/** SHA-256 of the embedding's bytes in lower-case hex (spec 2.6). */
export function embeddingHash(embedding: Float32Array | readonly number[]): string {
  return hashOfEmbeddingBytes(embeddingBytes(embedding));
}

/** `embeddingHash` of an embedding that is at hand as its bytes. */
export function hashOfEmbeddingBytes(bytes: Uint8Array): string {
  return toHex(createHash("sha256").update(bytes).digest());
}
