import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { cidMatches, cidOf, isCid, rustCidOf } from "../../src/crypto/cid.ts";
import { dedupeKey } from "../../src/crypto/dedupe-key.ts";
import { embeddingHash } from "../../src/crypto/embedding-hash.ts";
import { toHex } from "../../src/crypto/hex.ts";
import {
  directorySecret,
  directoryWireName,
  memoryRoot,
  namespaceKeyPair,
  namespaceSecret,
  wireName,
} from "../../src/crypto/keys.ts";
import { isNamespaceName, isReservedNamespaceName, shownName } from "../../src/crypto/namespace-name.ts";
import { sealedVector } from "../../src/crypto/sealed-vector.ts";
import { objectFromPlain } from "../../src/crypto/subnet-json.ts";
import { assignNodes } from "../../src/crypto/xor-placement.ts";

const root = memoryRoot(new Uint8Array(32).fill(1));
const otherRoot = memoryRoot(new Uint8Array(32).fill(2));
const main = namespaceSecret(root, shownName("main"));

describe("keys", () => {
  // These values are what existing wallets recover by: a change here loses every namespace.
  test("derivations stay what they are", () => {
    expect({
      root: toHex(root),
      main: toHex(main),
      wire: wireName(main, shownName("main")),
      directory: directoryWireName(root),
      epoch0: toHex(namespaceKeyPair(main, 0).publicKey),
      epoch1: toHex(namespaceKeyPair(main, 1).publicKey),
    }).toMatchInlineSnapshot(`
      {
        "directory": "ne4314dee92d584ab07b3e2a5e9b02cc40945cca3",
        "epoch0": "8f9ec8e23b07184e528781fb470456073c7bda0cbe013c7a5a1ed07b62a6ed2c",
        "epoch1": "86ff17de89da9f763b811a102b8deb0d17e04bf9b784c0b6627c50e469c9ee20",
        "main": "00926224e838274507a48f3221d830fe35bae060e54d9de3250459c7eabd313f",
        "root": "9d0d1a5ecbf1b979959c77fe8424cfece2803863f671d74674a19b38d3658448",
        "wire": "n4ba91076371dc13badc3fd82eeab0445cd1e00aa",
      }
    `);
  });

  test("wire names say nothing and are valid on the wire", () => {
    const names = ["main", "notes", "Ünïcode", "a b", "directory"].map((name) => {
      const shown = shownName(name);
      return wireName(namespaceSecret(root, shown), shown);
    });
    const all = [...names, directoryWireName(root), directoryWireName(otherRoot)];
    expect(new Set(all).size).toBe(all.length);
    for (const name of all) {
      expect(name).toMatch(/^n[0-9a-f]{40}$/);
      expect(isNamespaceName(name)).toBe(true);
    }
  });

  test("roots, namespaces and epochs are separate", () => {
    const publicKeys = [
      namespaceKeyPair(main, 0),
      namespaceKeyPair(main, 1),
      namespaceKeyPair(namespaceSecret(root, shownName("other")), 0),
      namespaceKeyPair(namespaceSecret(otherRoot, shownName("main")), 0),
      namespaceKeyPair(directorySecret(root), 0),
    ].map((pair) => toHex(pair.publicKey));
    expect(new Set(publicKeys).size).toBe(5);
    expect(() => namespaceKeyPair(main, -1)).toThrow(RangeError);
    expect(() => memoryRoot(new Uint8Array(16))).toThrow(RangeError);
  });

  test("a shown name has one spelling", () => {
    expect(shownName("  Cafe\u0301 ")).toBe("Café");
    for (const bad of ["", "  ", "a\u0000b", "a\nb", "\ud800", "x".repeat(129)]) {
      expect(() => shownName(bad)).toThrow(expect.objectContaining({ code: "NAMESPACE_NAME_INVALID" }));
    }
    expect(isReservedNamespaceName("__public__")).toBe(true);
    expect(isReservedNamespaceName("_mine")).toBe(false);
  });
});

describe("sealed vectors", () => {
  property.prop([fc.string(), fc.integer({ min: 1, max: 1536 })], { numRuns: 30 })(
    "are unit vectors that depend on secret and id alone",
    (id, dimension) => {
      const vector = sealedVector(main, id, dimension);
      expect(vector).toHaveLength(dimension);
      expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
      expect(sealedVector(main, id, dimension)).toEqual(vector);
    },
  );

  test("look random: no two are alike", () => {
    const cosine = (left: Float32Array, right: Float32Array) =>
      left.reduce((sum, value, index) => sum + value * (right[index] ?? 0), 0);
    const base = sealedVector(main, "m_1", 512);
    const others = [
      sealedVector(main, "m_2", 512),
      sealedVector(namespaceSecret(otherRoot, shownName("main")), "m_1", 512),
    ];
    for (const other of others) expect(Math.abs(cosine(base, other))).toBeLessThan(0.25);
    const mean = base.reduce((sum, value) => sum + value, 0) / 512;
    expect(Math.abs(mean)).toBeLessThan(0.01);
  });

  test("stay what they are", () => {
    expect(embeddingHash(sealedVector(namespaceSecret(root, shownName("main")), "m_1", 384))).toMatchInlineSnapshot(
      `"79e1657ddd1630918ab8782d531a22d4ebd2843d16321593db6d72dafb93a322"`,
    );
  });
});

describe("dedupe keys", () => {
  const content = { namespace: "main", session: "s", speaker: "Ann", text: "hello", metadata: { a: 1, b: { c: 2 } } };

  test("ignore key order alone", () => {
    const reordered = { ...content, metadata: { b: { c: 2 }, a: 1 } };
    expect(dedupeKey(reordered)).toEqual(dedupeKey(content));
  });

  test.each([
    { namespace: "mains", session: "" },
    { namespace: "mai", session: "ns" },
    { speaker: undefined },
    { speaker: "" },
    { text: "hello " },
    { metadata: { a: "1", b: { c: 2 } } },
    { metadata: {} },
  ])("differ for %o", (change) => {
    expect(toHex(dedupeKey({ ...content, ...change }))).not.toBe(toHex(dedupeKey(content)));
  });
});

describe("CIDs", () => {
  const metadata = objectFromPlain({ n: 1, flag: true, text: "é" });
  const content = { embedding: Float32Array.of(0.1, 0.2), metadata };

  test("are emitted in the Python form and accepted in both", () => {
    expect(isCid(cidOf(content))).toBe(true);
    expect(rustCidOf(content)).not.toBe(cidOf(content));
    expect(cidMatches(cidOf(content), content)).toBe(true);
    expect(cidMatches(rustCidOf(content), content)).toBe(true);
  });

  test.each([
    { embedding: Float32Array.of(0.1, 0.3) },
    { embedding: [0.1, 0.2, 0] },
    { metadata: objectFromPlain({ n: 2, flag: true, text: "é" }) },
    { modelVersion: "v2" },
  ])("do not match other content", (change) => {
    expect(cidMatches(cidOf(content), { ...content, ...change })).toBe(false);
    expect(cidMatches(rustCidOf(content), { ...content, ...change })).toBe(false);
  });

  test("a typed array and the doubles it rounds are one content", () => {
    expect(cidOf({ ...content, embedding: [0.1, 0.2] })).toBe(cidOf(content));
    expect(cidOf({ ...content, embedding: [-0, 0.2] })).not.toBe(cidOf({ ...content, embedding: [0, 0.2] }));
  });

  test.each([["v1::abc"], [`v1::${"A".repeat(64)}`], [`v2::${"a".repeat(64)}`], [`v1::${"a".repeat(64)}\n`], [""]])(
    "%s is not one of ours",
    (text) => {
      expect(isCid(text)).toBe(false);
    },
  );
});

describe("placement", () => {
  const nodes = Array.from({ length: 64 }, (_, uid) => ({ uid, hotkey: `hotkey_${uid}` }));

  property.prop([fc.string(), fc.shuffledSubarray(nodes, { minLength: 64 })])(
    "is the same in whatever order the snapshot comes",
    (cid, shuffled) => {
      expect(assignNodes(cid, shuffled, 3)).toEqual(assignNodes(cid, nodes, 3));
    },
  );

  test("ties go to the lower uid, and fewer nodes are all of them", () => {
    const twins = [
      { uid: 9, hotkey: "same" },
      { uid: 4, hotkey: "same" },
    ];
    expect(assignNodes("v1::x", twins, 3).map((node) => node.uid)).toEqual([4, 9]);
    expect(assignNodes("v1::x", [], 3)).toEqual([]);
  });
});
