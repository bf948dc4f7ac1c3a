import { createHash } from "node:crypto";
import { toHex } from "./hex.ts";

/** The components as IEEE-754 binary32, little-endian, one after the other (spec 2.1). */
export function embeddingBytes(embedding: Float32Array | readonly number[]): Uint8Array {
  const bytes = new Uint8Array(embedding.length * 4);
  const view = new DataView(bytes.buffer);
  embedding.forEach((component: number, index: number) => {
    view.setFloat32(index * 4, component, true);
  });
  return bytes;
}

/** SHA-256 of the embedding's bytes in lower-case hex (spec 2.6). */
export function embeddingHash(embedding: Float32Array | readonly number[]): string {
  return hashOfEmbeddingBytes(embeddingBytes(embedding));
}

/** `embeddingHash` of an embedding that is at hand as its bytes. */
export function hashOfEmbeddingBytes(bytes: Uint8Array): string {
  return toHex(createHash("sha256").update(bytes).digest());
}
