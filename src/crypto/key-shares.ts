import { createHash } from "node:crypto";
import { toHex } from "./hex.ts";
import { verifyHotkeySignature } from "./request-auth.ts";
import type { Share } from "./shamir.ts";
import type { Sr25519 } from "./sr25519.ts";
import type { Hotkey } from "./ss58.ts";
import { objectFromPlain } from "./subnet-json.ts";
import { writeCanonical } from "./subnet-json-writer.ts";

/**
 * What the owner of a namespace signs about one split of its secret. Threshold, total and the digests of all shares are
 * the owner's word, so that no holder can choose them (F4, M-W26). Field names as on the wire.
 */
export interface ShareManifest {
  /** The wire name. */
  readonly namespace: string;
  /** Of the split, from 1; each split has a higher one, with new shares. */
  readonly epoch: number;
  readonly threshold: number;
  readonly total: number;
  /** The epoch of the namespace's X25519 key below. */
  readonly key_epoch: number;
  /** The X25519 public key that the secret gives in `key_epoch`: 64 hex digits. */
  readonly public_key: string;
  /** For shares 1 … total in order: 64 hex digits each. */
  readonly commitments: readonly string[];
}

/** A manifest with the hex signature of the namespace's owner. */
export interface SignedManifest {
  readonly manifest: ShareManifest;
  readonly signature: string;
}

/** The bytes an owner signs. */
export function manifestMessage(manifest: ShareManifest): Uint8Array {
  const { namespace, epoch, threshold, total, key_epoch, public_key, commitments } = manifest;
  const document = objectFromPlain({ namespace, epoch, threshold, total, key_epoch, public_key, commitments });
  return Buffer.from(`engram-key-manifest/1:${writeCanonical(document)}`, "utf8");
}

export function signManifest(manifest: ShareManifest, sign: (message: Uint8Array) => Uint8Array): SignedManifest {
  return { manifest, signature: `0x${toHex(sign(manifestMessage(manifest)))}` };
}

export function verifyManifest(sr25519: Sr25519, { manifest, signature }: SignedManifest, owner: Hotkey): boolean {
  return verifyHotkeySignature(sr25519, owner, manifestMessage(manifest), signature);
}

/**
 * SHA-256 of "engram-share/2", the name's length (4 bytes) and bytes, epoch (8 bytes), index, threshold and total (one
 * byte each) and the share; numbers big-endian. A share has as much entropy as the secret, so the digest hides it.
 */
export function shareCommitment(
  split: Pick<ShareManifest, "namespace" | "epoch" | "threshold" | "total">,
  share: Share,
): string {
  const name = Buffer.from(split.namespace, "utf8");
  const head = Buffer.alloc(4 + name.length + 8 + 3);
  head.writeUInt32BE(name.length, 0);
  name.copy(head, 4);
  head.writeBigUInt64BE(BigInt(split.epoch), 4 + name.length);
  head.set([share.index, split.threshold, split.total], 12 + name.length);
  return createHash("sha256").update("engram-share/2").update(head).update(share.bytes).digest("hex");
}

/** Whether `share` is the one that the manifest's owner made for its index. */
export function isCommitted(manifest: ShareManifest, share: Share): boolean {
  const { index } = share;
  if (!Number.isInteger(index) || index < 1 || index > manifest.total) return false;
  return manifest.commitments[index - 1] === shareCommitment(manifest, share);
}

/** What people compare a namespace key by: it says nothing about the secret. */
export function keyFingerprint(publicKeyHex: string): string {
  const digest = createHash("sha256").update(`engram-key-fingerprint/1:${publicKeyHex}`).digest("hex");
  return (digest.slice(0, 16).match(/.{4}/g) ?? []).join("-");
}
