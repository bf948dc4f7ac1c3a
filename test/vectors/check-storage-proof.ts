import { deepEqual, equal } from "node:assert/strict";
import { z } from "zod";
import { fromHex } from "../../src/crypto/hex.ts";
import { storageProof, verifyStorageProof } from "../../src/crypto/storage-proof.ts";
import { readChallengeRequest } from "../../src/node/protocol/requests.ts";
import { checker } from "./checker.ts";

const proofCase = z.object({
  cid: z.string(),
  embedding_f32le_hex: z.string(),
  nonce_hex: z.string(),
  validator_hotkey_hex: z.string(),
  embedding_hash: z.string(),
  proof: z.string(),
});

/** spec 3, by way of the request a validator sends. */
export const challengeProof = checker((vector) => {
  const { cid, embedding_f32le_hex, nonce_hex, validator_hotkey_hex, ...expected } = proofCase.parse(vector);
  const request = readChallengeRequest(
    new Map<string, string | bigint>(Object.entries({ cid, nonce_hex, validator_hotkey_hex, expires_at: 1n })),
  );
  const embedding = new Float32Array((fromHex(embedding_f32le_hex) ?? new Uint8Array()).slice().buffer);
  const answer = storageProof(embedding, request.nonce, request.validatorKey);
  deepEqual(answer, { embedding_hash: expected.embedding_hash, proof: expected.proof });
  equal(verifyStorageProof(answer, embedding, request.nonce, request.validatorKey), true);
  const otherNonce = request.nonce.map((byte) => byte ^ 1);
  equal(verifyStorageProof(answer, embedding, otherNonce, request.validatorKey), false);
});
