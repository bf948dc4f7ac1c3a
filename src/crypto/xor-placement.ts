import { createHash } from "node:crypto";

/** A node that may hold records. */
export interface PlacementNode {
  readonly uid: number;
  readonly hotkey: string;
}

/** The 32-byte key of a CID: SHA-256 of what follows its first `::`, or of all of it (spec 9.8). */
export function placementKey(cid: string): Uint8Array {
  const border = cid.indexOf("::");
  return sha256(border < 0 ? cid : cid.slice(border + 2));
}

/**
 * The `count` nodes nearest to the CID by XOR distance, nearest first, ties by uid. All nodes of the snapshot take
 * part, so every caller with the same snapshot gets the same answer; the reference's bucket table drops some (M-W28).
 */
export function assignNodes<T extends PlacementNode>(cid: string, nodes: readonly T[], count: number): T[] {
  const key = placementKey(cid);
  return nodes
    .map((node) => ({ node, distance: xor(key, sha256(node.hotkey)) }))
    .sort((left, right) => Buffer.compare(left.distance, right.distance) || left.node.uid - right.node.uid)
    .slice(0, count)
    .map(({ node }) => node);
}

function xor(left: Uint8Array, right: Uint8Array): Uint8Array {
  return left.map((byte, index) => byte ^ (right[index] ?? 0));
}

function sha256(text: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(text, "utf8").digest());
}
