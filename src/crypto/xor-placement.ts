import { createHash } from "node:crypto";

/** A node that may hold records. */
export interface PlacementNode {
  readonly uid: number;
  readonly hotkey: string;
}

/** So many of the nearest are weighed, and with fewer than three nobody is (spec 9.7). */
const CANDIDATES = 9;
const MINIMUM_CANDIDATES = 3;

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
  return nearest(key, nodes, count).map(({ node }) => node);
}

/**
 * As `assignNodes`, but of the nine nearest the best by 0.6 nearness and 0.4 weight, best first (spec 9.7): a key made to
 * fall beside a record weighs nothing by itself. `weightOf` is from 0 to 1; equal weights leave the order by distance.
 */
export function assignWeighted<T extends PlacementNode>(
  cid: string,
  nodes: readonly T[],
  count: number,
  weightOf: (node: T) => number,
): T[] {
  const candidates = nearest(placementKey(cid), nodes, CANDIDATES);
  if (candidates.length < MINIMUM_CANDIDATES) return candidates.slice(0, count).map(({ node }) => node);
  const distances = candidates.map(({ distance }) => asNumber(distance));
  const farthest = distances.at(-1) || 1;
  return candidates
    .map(({ node }, at) => ({ node, score: 0.6 * (1 - (distances[at] ?? 0) / farthest) + 0.4 * weightOf(node) }))
    .sort((left, right) => right.score - left.score)
    .slice(0, count)
    .map(({ node }) => node);
}

/**
 * Weights from 0 to 1 by stake, in powers of two up to the largest of `nodes`: stakes that grow with each block's
 * emission must not place records anew with each block.
 */
export function stakeWeight(
  nodes: readonly { readonly stakeTao: number }[],
): (node: { readonly stakeTao: number }) => number {
  const magnitude = ({ stakeTao }: { readonly stakeTao: number }) => Math.floor(Math.log2(1 + Math.max(stakeTao, 0)));
  const largest = nodes.reduce((most, node) => Math.max(most, magnitude(node)), 0);
  return (node) => (largest === 0 ? 0 : magnitude(node) / largest);
}

/** As many holders as a record should have (spec 9.7). */
export const REPLICAS = 3;

/**
 * The nodes a record belongs to, best first, over the whole snapshot: the first `REPLICAS` hold it, those behind stand in
 * for one that cannot be used. Client, miner and validator all ask here, so that they agree (V-W28).
 */
export function placesOf<T extends PlacementNode & { readonly stakeTao: number }>(
  cid: string,
  nodes: readonly T[],
): readonly T[] {
  return assignWeighted(cid, nodes, CANDIDATES, stakeWeight(nodes));
}

function nearest<T extends PlacementNode>(key: Uint8Array, nodes: readonly T[], count: number) {
  return nodes
    .map((node) => ({ node, distance: xor(key, sha256(node.hotkey)) }))
    .sort((left, right) => Buffer.compare(left.distance, right.distance) || left.node.uid - right.node.uid)
    .slice(0, count);
}

/** The 256-bit number, as near as a double comes to it. */
function asNumber(distance: Uint8Array): number {
  return Number(`0x${Buffer.from(distance).toString("hex")}`);
}

function xor(left: Uint8Array, right: Uint8Array): Uint8Array {
  return left.map((byte, index) => byte ^ (right[index] ?? 0));
}

function sha256(text: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(text, "utf8").digest());
}
