import { randomBytes } from "node:crypto";
import { fc, test as property } from "@fast-check/vitest";
import { expect, test } from "vitest";
import { noiseSigma, obfuscate } from "../../src/crypto/embedding-noise.ts";
import { gaussianDelta, gaussianEpsilon, gaussianSigma } from "../../src/crypto/gaussian-privacy.ts";
import type { NamespaceSecret } from "../../src/crypto/keys.ts";
import { pseudoNormals } from "../../src/crypto/pseudo-normals.ts";
import { sealedVector } from "../../src/crypto/sealed-vector.ts";

const key = new Uint8Array(32).fill(7);
const cosine = (a: Float32Array, b: Float32Array) =>
  a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0) / (Math.hypot(...a) * Math.hypot(...b));
const vectorOf = (dimension: number) => Float32Array.from(pseudoNormals(randomBytes(32), dimension));

test("the same text has the same noise, another text, key or sigma another", () => {
  const vector = vectorOf(512);
  const noisy = obfuscate(vector, { key, content: "a", sigma: 0.02 });
  expect(obfuscate(vector, { key, content: "a", sigma: 0.02 })).toEqual(noisy);
  const mean = Array.from({ length: 64 }, () => obfuscate(vector, { key, content: "a", sigma: 0.02 }));
  expect(
    cosine(
      mean.reduce((sum, one) => sum.map((value, i) => value + (one[i] ?? 0))),
      vector,
    ),
  ).toBeCloseTo(cosine(noisy, vector), 6);
  for (const other of [
    { key, content: "b", sigma: 0.02 },
    { key: randomBytes(32), content: "a", sigma: 0.02 },
    { key, content: "a", sigma: 0.03 },
  ]) {
    expect(obfuscate(vector, other)).not.toEqual(noisy);
  }
});

const DRAWS = 64;
const combinations = [64, 384, 512].flatMap((dimension) => [0.5, 1, 3].map((epsilon) => ({ dimension, epsilon })));

test.each(combinations)(
  "noise of 1/$epsilon leaves $dimension dimensions the cosine that it should, on average",
  ({ dimension, epsilon }) => {
    const sigma = noiseSigma(epsilon, dimension);
    const cosines = Array.from({ length: DRAWS }, () => {
      const vector = vectorOf(dimension);
      const noisy = obfuscate(vector, { key, content: randomBytes(8), sigma });
      expect(Math.hypot(...noisy)).toBeCloseTo(1, 5);
      return cosine(noisy, vector);
    });
    const mean = cosines.reduce((sum, value) => sum + value, 0) / DRAWS;
    // One draw of 64 dimensions strays by 0.1: their mean by 0.013.
    expect(Math.abs(mean - 1 / Math.sqrt(1 + 1 / epsilon ** 2))).toBeLessThan(0.08);
  },
);

test("sealed vectors are what they were: records made before keep their CIDs", () => {
  const vector = sealedVector(new Uint8Array(32).fill(1) as NamespaceSecret, "memory/m_x/0", 4);
  expect([...vector].map((value) => value.toFixed(6))).toMatchInlineSnapshot(`
    [
      "-0.554820",
      "0.402680",
      "-0.637952",
      "0.350772",
    ]
  `);
});

test.each([
  [384, 3, 7_412],
  [1_536, 3, 28_650],
])("the reference's noise in %i dimensions at a stated %d is truly (%d, 1e-5)", (dimension, stated, truth) => {
  const epsilon = gaussianEpsilon(1e-5, { sigma: noiseSigma(stated, dimension), sensitivity: 2 });
  expect(Math.abs(epsilon / truth - 1)).toBeLessThan(0.001);
});

test("a true epsilon of 3 takes a noise that hides everything", () => {
  const sigma = gaussianSigma(3, 1e-5, 2);
  expect(sigma).toBeCloseTo(2.78, 2);
  expect(gaussianDelta(3, { sigma, sensitivity: 2 })).toBeCloseTo(1e-5, 8);
});

property.prop([fc.double({ min: 0.01, max: 20, noNaN: true }), fc.integer({ min: 2, max: 1_000 })])(
  "epsilon and delta are each other's inverse; more releases, less noise and smaller delta cost more",
  (sigma, releases) => {
    const release = { sigma, sensitivity: 2 };
    const epsilon = gaussianEpsilon(1e-5, release);
    expect(gaussianDelta(epsilon, release)).toBeLessThanOrEqual(1.000_1e-5);
    expect(gaussianEpsilon(1e-5, { ...release, releases })).toBeGreaterThan(epsilon);
    expect(gaussianEpsilon(1e-5, { ...release, releases })).toBeCloseTo(
      gaussianEpsilon(1e-5, { sigma: sigma / Math.sqrt(releases), sensitivity: 2 }),
      4,
    );
    expect(gaussianEpsilon(1e-9, release)).toBeGreaterThan(epsilon);
    expect(gaussianEpsilon(1e-5, { sigma: sigma * 2, sensitivity: 2 })).toBeLessThan(epsilon);
  },
);
