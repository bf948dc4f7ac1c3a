import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { embeddingHash } from "./embedding-hash.ts";
import { fromHex, toHex } from "./hex.ts";

/** One answer of a batch; both hashes are 64 lower-case hex digits. */
export interface BatchProofEntry {
  readonly cid: string;
  readonly embedding_hash: string;
  readonly proof: string;
}

/** The answer to a batch challenge (spec 3); an entry is null where the record is not there. */
export interface BatchProof {
  readonly nonce_hex: string;
  readonly entries: readonly (BatchProofEntry | null)[];
}

export interface BatchItem {
  readonly cid: string;
  readonly embedding: Float32Array;
}

/** One challenge for several records: `nonce` and `validatorKey` have 32 bytes, `expiresAt` is in unix seconds. */
export interface BatchChallenge {
  readonly nonce: Uint8Array;
  readonly validatorKey: Uint8Array;
  readonly expiresAt: number;
}

/** The batch proof of spec 3: each entry is bound to its place, so that none stands for another. */
export function batchProof(
  items: readonly (BatchItem | null)[],
  { nonce, validatorKey }: Pick<BatchChallenge, "nonce" | "validatorKey">,
): BatchProof {
  const key = createHash("sha256").update(validatorKey).update(nonce).digest();
  return { nonce_hex: toHex(nonce), entries: items.map((item, place) => item && entryOf(key, place, item)) };
}

function entryOf(key: Uint8Array, place: number, { cid, embedding }: BatchItem): BatchProofEntry {
  const index = Buffer.alloc(4);
  index.writeUInt32LE(place);
  const hash = embeddingHash(embedding);
  return { cid, embedding_hash: hash, proof: createHmac("sha256", key).update(index).update(hash).digest("hex") };
}

/**
 * One verdict for each item in order (spec 3): all are false for another nonce or after the expiry, one is false when
 * its entry is missing, names another CID or does not prove the embedding. `now` in unix seconds.
 */
export function verifyBatchProof(
  answer: BatchProof,
  items: readonly BatchItem[],
  challenge: BatchChallenge,
  now: number,
): readonly boolean[] {
  const isCurrent = Math.floor(now) <= challenge.expiresAt && equalHex(answer.nonce_hex, toHex(challenge.nonce));
  const expected = batchProof(items, challenge).entries;
  return expected.map((entry, place) => {
    const given = answer.entries[place];
    if (!isCurrent || !entry || !given || given.cid !== entry.cid) return false;
    return equalHex(given.embedding_hash, entry.embedding_hash) && equalHex(given.proof, entry.proof);
  });
}

/** In constant time; malformed text is `false`. */
function equalHex(given: string, wanted: string): boolean {
  const [a, b] = [fromHex(given, 32), fromHex(wanted, 32)];
  return a !== undefined && b !== undefined && timingSafeEqual(a, b);
}
