import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  EMPTY_MERKLE_ROOT,
  type MerkleProof,
  MerkleTree,
  merkleLeaf,
  verifyMerkleProof,
} from "../../src/crypto/merkle.ts";

const sha256 = (...parts: (string | Uint8Array)[]) =>
  parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();

/** spec 4, written down once more from its words alone. */
function rootFromScratch(leaves: Iterable<string>): string {
  let level = [...new Set(leaves)].sort().map((leaf) => Buffer.from(leaf, "hex"));
  if (level.length === 0) return EMPTY_MERKLE_ROOT;
  while (level.length > 1) {
    const pairs = Array.from({ length: Math.ceil(level.length / 2) }, (_, place) =>
      level.slice(place * 2, place * 2 + 2),
    );
    level = pairs.map(([left, right = left]) => sha256("node:", left as Buffer, right as Buffer));
  }
  return (level[0] as Buffer).toString("hex");
}

const recordOf = (number: number) => ({
  cid: `v1::${sha256(`cid ${number}`).toString("hex")}`,
  embeddingHash: sha256(`vector ${number}`).toString("hex"),
});
const leafOf = (number: number) => merkleLeaf(recordOf(number).cid, recordOf(number).embeddingHash);

function treeOf(size: number): MerkleTree {
  const tree = new MerkleTree();
  for (let number = 0; number < size; number++) tree.add(leafOf(number));
  return tree;
}

test("a tree that changed step by step is the tree of its leaves", () => {
  const step = fc.record({ number: fc.nat(40), isPut: fc.boolean(), asks: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const tree = new MerkleTree();
      const leaves = new Set<string>();
      for (const { number, isPut, asks } of steps) {
        const leaf = leafOf(number);
        expect(isPut ? tree.add(leaf) : tree.remove(leaf)).toBe(leaves.has(leaf) !== isPut);
        if (isPut) leaves.add(leaf);
        else leaves.delete(leaf);
        expect(tree.count).toBe(leaves.size);
        if (asks) expect(tree.root()).toBe(rootFromScratch(leaves));
      }
      expect(tree.root()).toBe(rootFromScratch(leaves));
      for (const leaf of leaves) expect(tree.prove(leaf)?.leaf_hex).toBe(leaf);
    }),
    { numRuns: 200 },
  );
});

test("every leaf has a proof, and none that is not there", () => {
  for (const size of [1, 2, 3, 5, 8, 21, 64, 100]) {
    const tree = treeOf(size);
    const root = tree.root();
    for (let number = 0; number < size; number++) {
      const proof = tree.prove(leafOf(number)) as MerkleProof;
      expect(verifyMerkleProof(proof, { ...recordOf(number), root, count: size })).toBe(true);
      expect(verifyMerkleProof(proof, { ...recordOf(number + 1), root, count: size })).toBe(false);
    }
    expect(tree.prove(leafOf(size))).toBeUndefined();
  }
});

test("one changed digit anywhere, one step more or less, another side: no proof", () => {
  const size = 21;
  const tree = treeOf(size);
  const root = tree.root();
  const other = (hex: string, at: number) => hex.slice(0, at) + (hex[at] === "0" ? "1" : "0") + hex.slice(at + 1);
  for (let number = 0; number < size; number++) {
    const proof = tree.prove(leafOf(number)) as MerkleProof;
    const claim = { ...recordOf(number), root, count: size };
    const refuted = (changed: MerkleProof) => expect(verifyMerkleProof(changed, claim)).toBe(false);
    for (let at = 0; at < 64; at++) {
      refuted({ ...proof, leaf_hex: other(proof.leaf_hex, at) });
      expect(verifyMerkleProof(proof, { ...claim, root: other(root, at) })).toBe(false);
    }
    for (const [place, step] of proof.steps.entries()) {
      const withStep = (steps: MerkleProof["steps"]) =>
        refuted({ ...proof, steps: [...proof.steps.slice(0, place), ...steps, ...proof.steps.slice(place + 1)] });
      for (const at of [0, 31, 63]) withStep([{ ...step, sibling: other(step.sibling, at) }]);
      withStep([]);
      withStep([step, step]);
      withStep([{ ...step, sibling: "zz" }]);
      withStep([{ ...step, side: step.side === "left" ? "right" : "left" }]);
    }
  }
});

describe("the count is bound", () => {
  test("a tree of three and the one whose last leaf is doubled share a root, but not a count", () => {
    const tree = treeOf(3);
    const root = tree.root();
    for (let number = 0; number < 3; number++) {
      const proof = tree.prove(leafOf(number)) as MerkleProof;
      const claim = { ...recordOf(number), root };
      expect(verifyMerkleProof(proof, claim)).toBe(true);
      for (const count of [0, 1, 2, 5, 8, 1_000]) expect(verifyMerkleProof(proof, { ...claim, count })).toBe(false);
    }
  });

  test("an inner node is no leaf", () => {
    const tree = treeOf(4);
    const proof = tree.prove(leafOf(0)) as MerkleProof;
    const [, above] = proof.steps;
    const forged = {
      leaf_hex: rootFromScratch([leafOf(0), proof.steps[0]?.sibling ?? ""]),
      steps: above ? [above] : [],
    };
    expect(verifyMerkleProof(forged, { ...recordOf(0), root: tree.root() })).toBe(false);
  });
});

describe("the work", () => {
  test("writes hash nothing; a question hashes once for all of them", () => {
    const tree = treeOf(1_000);
    expect(tree.hashes).toBe(0);
    tree.root();
    // 500 + 250 + 125 + 63 + 32 + 16 + 8 + 4 + 2 + 1.
    expect(tree.hashes).toBe(1_001);
    tree.root();
    tree.prove(leafOf(5));
    expect(tree.hashes).toBe(1_001);
  });

  test("what stands left of the first change is kept", () => {
    const tree = treeOf(1_000);
    tree.root();
    const before = tree.hashes;
    const last = Array.from({ length: 1_000 }, (_, number) => leafOf(number))
      .sort()
      .at(-1) as string;
    tree.remove(last);
    tree.root();
    expect(tree.hashes - before).toBeLessThanOrEqual(10);
  });

  test("a leaf that came and went leaves nothing to do", () => {
    const tree = treeOf(100);
    const root = tree.root();
    const before = tree.hashes;
    tree.add(leafOf(100));
    tree.remove(leafOf(100));
    expect(tree.root()).toBe(root);
    expect(tree.hashes).toBe(before);
  });
});

test("what is no leaf is refused", () => {
  const tree = new MerkleTree();
  expect(() => tree.add("zz")).toThrow(RangeError);
  expect(() => tree.add("A".repeat(64))).toThrow(RangeError);
  expect(tree.root()).toBe(EMPTY_MERKLE_ROOT);
});
