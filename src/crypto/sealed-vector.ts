import { createCipheriv, createHmac } from "node:crypto";
import type { NamespaceSecret } from "./keys.ts";

const BYTES_PER_COMPONENT = 8;
const HALF_RANGE = 0xffff / 2;

/**
 * The unit vector that stands in for a private record's embedding: pseudorandom from the namespace's secret and the
 * record's id alone, so it says nothing about the text, and the same on every machine and retry.
 */
export function sealedVector(secret: NamespaceSecret, recordId: string, dimension: number): Float32Array {
  if (!Number.isInteger(dimension) || dimension < 1) throw new RangeError("a dimension is a positive whole number");
  const key = createHmac("sha256", secret).update("engram-sealed-vector/1\0").update(recordId, "utf8").digest();
  const stream = createCipheriv("aes-256-ctr", key, Buffer.alloc(16));
  const bytes = stream.update(Buffer.alloc(dimension * BYTES_PER_COMPONENT));
  const components = Array.from({ length: dimension }, (_, index) => component(bytes, index * BYTES_PER_COMPONENT));
  const norm = Math.sqrt(components.reduce((sum, value) => sum + value * value, 0));
  return Float32Array.from(components, (value) => value / norm);
}

/** Close to normal: four uniform numbers added. Exact arithmetic, because logarithms may differ between engines. */
function component(bytes: Buffer, at: number): number {
  const sum =
    bytes.readUInt16LE(at) + bytes.readUInt16LE(at + 2) + bytes.readUInt16LE(at + 4) + bytes.readUInt16LE(at + 6);
  return sum - 4 * HALF_RANGE;
}
