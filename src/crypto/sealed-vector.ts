import { createHmac } from "node:crypto";
import type { NamespaceSecret } from "./keys.ts";
import { pseudoNormals } from "./pseudo-normals.ts";

/**
 * The unit vector that stands in for a private record's embedding: pseudorandom from the namespace's secret and the
 * record's id alone, so it says nothing about the text, and the same on every machine and retry.
 */
export function sealedVector(secret: NamespaceSecret, recordId: string, dimension: number): Float32Array {
  if (!Number.isInteger(dimension) || dimension < 1) throw new RangeError("a dimension is a positive whole number");
  const key = createHmac("sha256", secret).update("engram-sealed-vector/1\0").update(recordId, "utf8").digest();
  const components = pseudoNormals(key, dimension);
  const norm = Math.sqrt(components.reduce((sum, value) => sum + value * value, 0));
  return Float32Array.from(components, (value) => value / norm);
}
