import { deepEqual, equal } from "node:assert/strict";
import { z } from "zod";
import { batchProof, verifyBatchProof } from "../../src/crypto/batch-proof.ts";
import { fromHex } from "../../src/crypto/hex.ts";
import { MerkleTree, merkleLeaf, verifyMerkleProof } from "../../src/crypto/merkle.ts";
import { checker } from "./checker.ts";

const step = z.object({ sibling: z.string(), side: z.enum(["left", "right"]) });
const merkleCase = z.object({
  cids: z.array(z.string()),
  embedding_hashes: z.array(z.string()),
  count: z.number(),
  leaves_sorted: z.array(z.string()),
  root_hex: z.string(),
  proofs: z.array(
    z.object({
      cid: z.string(),
      embedding_hash: z.string(),
      leaf_hex: z.string(),
      proof_json: z.string(),
      steps: z.array(step),
    }),
  ),
});

/** spec 4, by way of the tree a miner keeps: leaves come one at a time. */
export const merkle = checker((vector) => {
  const { cids, embedding_hashes, count, leaves_sorted, root_hex, proofs } = merkleCase.parse(vector);
  const tree = new MerkleTree();
  const leaves = cids.map((cid, place) => merkleLeaf(cid, embedding_hashes[place] ?? ""));
  for (const leaf of leaves) tree.add(leaf);
  deepEqual([...new Set(leaves)].sort(), leaves_sorted);
  deepEqual({ count: tree.count, root: tree.root() }, { count, root: root_hex });
  for (const { cid, embedding_hash, leaf_hex, proof_json, steps } of proofs) {
    const proof = { leaf_hex, steps };
    deepEqual(JSON.parse(proof_json), proof);
    deepEqual(tree.prove(leaf_hex), proof);
    const claim = { cid, embeddingHash: embedding_hash, root: root_hex };
    equal(verifyMerkleProof(proof, claim), true);
    equal(verifyMerkleProof(proof, { ...claim, count }), true);
    equal(verifyMerkleProof(proof, { ...claim, cid: `${cid}0` }), false);
  }
});

const batchCase = z.object({
  cids: z.array(z.string()),
  embeddings_f32le_hex: z.array(z.string()),
  nonce_hex: z.string(),
  validator_hotkey_hex: z.string(),
  entries: z.array(z.object({ cid: z.string(), embedding_hash: z.string(), proof: z.string() })),
});

/** spec 3, batch. */
export const batchProofs = checker((vector) => {
  const { cids, embeddings_f32le_hex, nonce_hex, validator_hotkey_hex, entries } = batchCase.parse(vector);
  const bytes = (hex: string) => fromHex(hex) ?? new Uint8Array();
  const items = cids.map((cid, place) => ({
    cid,
    embedding: new Float32Array(bytes(embeddings_f32le_hex[place] ?? "").slice().buffer),
  }));
  const challenge = { nonce: bytes(nonce_hex), validatorKey: bytes(validator_hotkey_hex), expiresAt: 10 };
  const answer = batchProof(items, challenge);
  deepEqual(answer, { nonce_hex, entries });
  const none = items.map(() => false);
  deepEqual(
    verifyBatchProof(answer, items, challenge, 10.9),
    items.map(() => true),
  );
  deepEqual(verifyBatchProof(answer, items, challenge, 11), none);
  const otherNonce = { ...challenge, nonce: challenge.nonce.map((byte) => byte ^ 1) };
  deepEqual(verifyBatchProof(answer, items, otherNonce, 10), none);
});
