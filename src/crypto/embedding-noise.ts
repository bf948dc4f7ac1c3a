import { createHmac } from "node:crypto";
import { PSEUDO_NORMAL_DEVIATION, pseudoNormals } from "./pseudo-normals.ts";

/** The reference's noise of one component (spec 9.1): its length is about 1/epsilon in any dimension. */
export function noiseSigma(epsilon: number, dimension: number): number {
  return 1 / (epsilon * Math.sqrt(dimension));
}

/** `vector` with `normals` times `sigma` added, as a unit vector of float32 (spec 9.1). */
export function addNoise(vector: Float32Array, normals: readonly number[], sigma: number): Float32Array {
  const noisy = vector.map((component, index) => component + Math.fround((normals[index] ?? 0) * sigma));
  return unitVector(noisy);
}

/**
 * Obfuscation, not differential privacy (M-W23): the direction of `vector` with noise that key and content alone decide.
 * The same content gets the same noise, so that storing it again and again does not average it out, and keeps its CID.
 */
export function obfuscate(
  vector: Float32Array,
  { key, content, sigma }: { readonly key: Uint8Array; readonly content: string | Uint8Array; readonly sigma: number },
): Float32Array {
  const seed = createHmac("sha256", key).update("engram-noise/1\0").update(content).digest();
  const normals = pseudoNormals(seed, vector.length).map((value) => value / PSEUDO_NORMAL_DEVIATION);
  // A longer vector would drown the noise.
  return addNoise(unitVector(vector), normals, sigma);
}

function unitVector(vector: Float32Array): Float32Array {
  const norm = Math.sqrt(vector.reduce((sum, component) => sum + component * component, 0));
  return norm > 0 ? vector.map((component) => component / norm) : vector;
}
