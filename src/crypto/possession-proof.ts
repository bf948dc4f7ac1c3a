import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { embeddingBytes } from "./embedding-hash.ts";
import { fromHex } from "./hex.ts";
import { decodeHotkey, type Hotkey } from "./ss58.ts";
import type { SubnetObject } from "./subnet-json.ts";
import { writeCanonical } from "./subnet-json-writer.ts";

/** What a `proof2` is made for: it counts for nobody else, nowhere else, and once. */
export interface PossessionChallenge {
  /** 32 bytes. */
  readonly nonce: Uint8Array;
  /** Whoever asks, by a verified signature. */
  readonly validator: Hotkey;
  /** Whoever answers: a proof fetched from another miner is another's. */
  readonly miner: Hotkey;
  /** Unix seconds. */
  readonly expiresAt: number;
}

/** A record as it is held. */
export interface HeldRecord {
  readonly cid: string;
  readonly embedding: Float32Array;
  readonly metadata: SubnetObject;
}

/**
 * `proof2`: an HMAC over all bytes of the vector and of the metadata, keyed by everything the challenge says. Unlike the
 * proof of spec 3 it cannot be made from a hash kept in the record's place (F5): all of it has to be read, now.
 */
export function possessionProof({ cid, embedding, metadata }: HeldRecord, challenge: PossessionChallenge): string {
  const vector = embeddingBytes(embedding);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(vector.length);
  const mac = createHmac("sha256", keyOf(cid, challenge)).update(length).update(vector);
  return mac.update(writeCanonical(metadata), "utf8").digest("hex");
}

/** Whether `proof` is the record's for this challenge, in constant time; malformed text is `false`. */
export function verifyPossessionProof(proof: string, record: HeldRecord, challenge: PossessionChallenge): boolean {
  const [given, wanted] = [fromHex(proof, 32), fromHex(possessionProof(record, challenge), 32)];
  return given !== undefined && wanted !== undefined && timingSafeEqual(given, wanted);
}

function keyOf(cid: string, { nonce, validator, miner, expiresAt }: PossessionChallenge): Uint8Array {
  const keys = [validator, miner].map((hotkey) => decodeHotkey(hotkey));
  if (nonce.length !== 32) throw new RangeError("a nonce has 32 bytes");
  const expiry = Buffer.alloc(8);
  expiry.writeBigUInt64LE(BigInt(expiresAt));
  const key = createHash("sha256").update("engram-proof2/1\0");
  for (const part of keys) key.update(part ?? new Uint8Array(32));
  // The CID comes last: it alone has no fixed length.
  return key.update(nonce).update(expiry).update(cid, "utf8").digest();
}
