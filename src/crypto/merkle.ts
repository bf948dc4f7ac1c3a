import { createHash, hash } from "node:crypto";
import { fromHex, toHex } from "./hex.ts";

const HASH_BYTES = 32;

/** The root of a tree without leaves: 32 zero bytes (spec 4). */
export const EMPTY_MERKLE_ROOT = "0".repeat(HASH_BYTES * 2);

/** One step from leaf to root; `side` is where the sibling stands. */
interface MerkleStep {
  readonly sibling: string;
  readonly side: "left" | "right";
}

/** That a leaf is in a tree (spec 4). Hex is lower-case, 64 digits. */
export interface MerkleProof {
  readonly leaf_hex: string;
  readonly steps: readonly MerkleStep[];
}

/** What a record puts into the tree: its CID and the hash of its embedding, as texts (spec 4). */
export function merkleLeaf(cid: string, embeddingHash: string): string {
  return createHash("sha256").update(`leaf:${cid}:${embeddingHash}`, "utf8").digest("hex");
}

const nodeInput = Buffer.alloc(5 + 2 * HASH_BYTES, "node:", "latin1");

function nodeOf(left: Uint8Array, right: Uint8Array): Uint8Array {
  nodeInput.set(left, 5);
  nodeInput.set(right, 5 + HASH_BYTES);
  return hash("sha256", nodeInput, "buffer");
}

/**
 * The tree of spec 4 over a set of leaves that changes. Leaves are ordered by their bytes and paired by position, so a
 * single new leaf pairs everything to its right anew: no root follows a write with less than n/2 hashes. So a write only
 * finds its place, in O(log n) and without a hash, and the next question for root or proof brings the levels up to date
 * once for all writes before it, from the leftmost change on.
 */
export class MerkleTree {
  /** From the leaves, ordered, to the root; every level is its hashes one after the other. */
  #levels: readonly Uint8Array[] = [new Uint8Array()];
  /** Leaves that were added (true) or removed (false) since the levels were brought up to date. */
  readonly #pending = new Map<string, boolean>();
  #count = 0;
  #hashes = 0;

  /** Distinct leaves. */
  get count(): number {
    return this.#count;
  }

  /** Hashes computed so far: what the work is measured by. */
  get hashes(): number {
    return this.#hashes;
  }

  /** 64 hex digits. */
  root(): string {
    this.#settle();
    const top = this.#levels.at(-1);
    return top === undefined || top.length === 0 ? EMPTY_MERKLE_ROOT : toHex(top);
  }

  has(leaf: string): boolean {
    return this.#pending.get(leaf) ?? this.#placeOf(leaf) !== undefined;
  }

  /** False when the leaf was there. Throws RangeError when it is not 64 lower-case hex digits. */
  add(leaf: string): boolean {
    return this.#change(leaf, true);
  }

  /** False when the leaf was not there. */
  remove(leaf: string): boolean {
    return this.#change(leaf, false);
  }

  /** Undefined when the leaf is not in the tree. */
  prove(leaf: string): MerkleProof | undefined {
    this.#settle();
    let place = this.#placeOf(leaf);
    if (place === undefined) return undefined;
    const steps: MerkleStep[] = [];
    for (const level of this.#levels.slice(0, -1)) {
      const isLeft = place % 2 === 0;
      const own = hashAt(level, place);
      const beside = hashAt(level, isLeft ? place + 1 : place - 1);
      // An odd last one is paired with itself.
      steps.push({ sibling: toHex(beside.length === 0 ? own : beside), side: isLeft ? "right" : "left" });
      place >>= 1;
    }
    return { leaf_hex: leaf, steps };
  }

  #change(leaf: string, isAdded: boolean): boolean {
    if (!/^[0-9a-f]{64}$/.test(leaf)) throw new RangeError("a leaf has 64 lower-case hex digits");
    if (this.has(leaf) === isAdded) return false;
    // What the levels hold already needs no change any more.
    if (this.#pending.has(leaf)) this.#pending.delete(leaf);
    else this.#pending.set(leaf, isAdded);
    this.#count += isAdded ? 1 : -1;
    return true;
  }

  #placeOf(leaf: string): number | undefined {
    const bytes = Buffer.from(leaf, "hex");
    const place = lowerBound(this.#leaves, bytes, 0);
    return bytes.equals(hashAt(this.#leaves, place)) ? place : undefined;
  }

  get #leaves(): Uint8Array {
    return this.#levels[0] ?? new Uint8Array();
  }

  #settle(): void {
    if (this.#pending.size === 0) return;
    const { leaves, firstChanged } = merged(this.#leaves, this.#pending, this.#count);
    const levels: Uint8Array[] = [leaves];
    let unchanged = firstChanged;
    for (let level: Uint8Array = leaves; level.length > HASH_BYTES; ) {
      // A pair is as it was when both of it are.
      unchanged >>= 1;
      level = this.#parents(level, this.#levels[levels.length], unchanged);
      levels.push(level);
    }
    this.#levels = levels;
    this.#pending.clear();
  }

  /** The level above `level`; its first `unchanged` hashes are those of `before`. */
  #parents(level: Uint8Array, before: Uint8Array | undefined, unchanged: number): Uint8Array {
    const size = Math.ceil(level.length / (2 * HASH_BYTES));
    const parents = new Uint8Array(size * HASH_BYTES);
    const kept = Math.min(unchanged, (before?.length ?? 0) / HASH_BYTES, size);
    if (before) parents.set(before.subarray(0, kept * HASH_BYTES));
    for (let place = kept; place < size; place++) {
      const left = hashAt(level, place * 2);
      const right = hashAt(level, place * 2 + 1);
      parents.set(nodeOf(left, right.length === 0 ? left : right), place * HASH_BYTES);
      this.#hashes += 1;
    }
    return parents;
  }
}

/** The ordered leaves after `changes`, and how many at the left are as before. */
function merged(before: Uint8Array, changes: ReadonlyMap<string, boolean>, count: number) {
  const leaves = new Uint8Array(count * HASH_BYTES);
  let [from, to] = [0, 0];
  let firstChanged: number | undefined;
  const keepUntil = (end: number) => {
    leaves.set(before.subarray(from * HASH_BYTES, end * HASH_BYTES), to * HASH_BYTES);
    to += end - from;
    from = end;
  };
  for (const leaf of [...changes.keys()].sort()) {
    const bytes = Buffer.from(leaf, "hex");
    keepUntil(lowerBound(before, bytes, from));
    firstChanged ??= to;
    if (changes.get(leaf) === true) leaves.set(bytes, to++ * HASH_BYTES);
    else from += 1;
  }
  keepUntil(before.length / HASH_BYTES);
  return { leaves, firstChanged: firstChanged ?? count };
}

/** The first place at or after `from` whose hash is not below `wanted`. */
function lowerBound(level: Uint8Array, wanted: Uint8Array, from: number): number {
  let [low, high] = [from, level.length / HASH_BYTES];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (Buffer.compare(hashAt(level, middle), wanted) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Empty beyond the end. */
function hashAt(level: Uint8Array, place: number): Uint8Array {
  return level.subarray(place * HASH_BYTES, (place + 1) * HASH_BYTES);
}

export interface MerkleClaim {
  readonly cid: string;
  readonly embeddingHash: string;
  readonly root: string;
  /**
   * Leaves of the tree, where a signature binds it: then the path must be as long as this tree is high, end at one of
   * its leaves, and pair with itself exactly the odd last (M-W25). Without it the reference's check alone.
   */
  readonly count?: number;
}

/** Whether the record is in the tree of that root (spec 4). Anything malformed is `false`. */
export function verifyMerkleProof(proof: MerkleProof, { cid, embeddingHash, root, count }: MerkleClaim): boolean {
  if (proof.leaf_hex !== merkleLeaf(cid, embeddingHash)) return false;
  const wanted = fromHex(root, HASH_BYTES);
  let current: Uint8Array = Buffer.from(proof.leaf_hex, "hex");
  if (wanted === undefined || (count !== undefined && !fitsCount(proof, count))) return false;
  for (const { sibling, side } of proof.steps) {
    const other = fromHex(sibling, HASH_BYTES);
    if (other === undefined) return false;
    current = side === "left" ? nodeOf(other, current) : nodeOf(current, other);
  }
  return Buffer.compare(current, wanted) === 0;
}

function fitsCount({ leaf_hex, steps }: MerkleProof, count: number): boolean {
  let place = steps.reduce((sum, { side }, level) => sum + (side === "left" ? 2 ** level : 0), 0);
  let width = count;
  if (place >= count) return false;
  let current: Uint8Array = Buffer.from(leaf_hex, "hex");
  for (const { sibling, side } of steps) {
    const other = fromHex(sibling, HASH_BYTES);
    if (width <= 1 || other === undefined) return false;
    const isAlone = place === width - 1 && place % 2 === 0;
    if (isAlone && Buffer.compare(current, other) !== 0) return false;
    current = side === "left" ? nodeOf(other, current) : nodeOf(current, other);
    [place, width] = [Math.floor(place / 2), Math.ceil(width / 2)];
  }
  return width === 1;
}
