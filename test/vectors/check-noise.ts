import { equal, ok } from "node:assert/strict";
import { z } from "zod";
import { addNoise, noiseSigma } from "../../src/crypto/embedding-noise.ts";
import { checker } from "./checker.ts";

const noiseCase = z.object({
  epsilon: z.number(),
  dim: z.int(),
  sigma: z.number(),
  embedding_f32le_hex: z.string(),
  standard_normals: z.array(z.number()),
  noisy_f32le_hex: z.string(),
});

/** The miner's noise with the recorded random numbers, to 1e-6. */
export const dpNoise = checker((vector) => {
  const { epsilon, dim, sigma, embedding_f32le_hex, standard_normals, noisy_f32le_hex } = noiseCase.parse(vector);
  equal(noiseSigma(epsilon, dim), sigma);
  const noisy = addNoise(floats(embedding_f32le_hex), standard_normals, sigma);
  const expected = floats(noisy_f32le_hex);
  equal(noisy.length, expected.length);
  for (const [index, component] of expected.entries()) ok(Math.abs((noisy[index] ?? 0) - component) <= 1e-6);
});

function floats(hex: string): Float32Array {
  const bytes = Buffer.from(hex, "hex");
  return Float32Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(index * 4));
}
