import { createHash } from "node:crypto";
import { placementKey } from "../../src/crypto/xor-placement.ts";

/** As much of a key as a double holds exactly. Among 10,000 keys two that agree in 48 bits do not occur in practice. */
const BITS = 48;

/** The first 48 bits of a 32-byte key, as a whole number. */
function head(key: Uint8Array): number {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).readUIntBE(0, BITS / 8);
}

/** XOR of two whole numbers of 48 bits: the engine's own operator knows 32. */
function xor(left: number, right: number): number {
  const high = (Math.floor(left / 0x1000000) ^ Math.floor(right / 0x1000000)) >>> 0;
  return high * 0x1000000 + ((left % 0x1000000) ^ (right % 0x1000000));
}

interface Near {
  readonly index: number;
  readonly distance: number;
}

/**
 * The miners' keys in order, so that the nearest by XOR are found among a few instead of all: whoever shares the longest
 * prefix with a record's key is nearest. The product weighs every miner for each record, which is right for one record
 * and too slow for millions; `checkPlacement` holds both against each other.
 */
export class KeySpace {
  readonly #keys: Float64Array;
  readonly #indexes: Uint32Array;

  constructor(hotkeys: readonly string[]) {
    const keys = hotkeys.map((hotkey, index) => ({ index, key: head(createHash("sha256").update(hotkey).digest()) }));
    keys.sort((left, right) => left.key - right.key);
    this.#keys = Float64Array.from(keys, ({ key }) => key);
    this.#indexes = Uint32Array.from(keys, ({ index }) => index);
  }

  /** The `count` miners nearest to a CID, nearest first, as they stand in the list that the space was made of. */
  nearest(cid: string, count: number): readonly number[] {
    const key = head(placementKey(cid));
    let [from, to] = [0, this.#keys.length];
    // Halves the range as long as enough miners share one more bit of the record's key.
    for (let bit = BITS - 1; bit >= 0 && to - from > count; bit -= 1) {
      const size = 2 ** bit;
      const start = Math.floor(key / size) * size;
      const [narrowFrom, narrowTo] = [this.#firstFrom(start, from, to), this.#firstFrom(start + size, from, to)];
      if (narrowTo - narrowFrom < count) break;
      [from, to] = [narrowFrom, narrowTo];
    }
    const near: Near[] = [];
    for (let at = from; at < to; at += 1) {
      near.push({ index: this.#indexes[at] ?? 0, distance: xor(key, this.#keys[at] ?? 0) });
    }
    near.sort((left, right) => left.distance - right.distance);
    return near.slice(0, count).map(({ index }) => index);
  }

  #firstFrom(key: number, from: number, to: number): number {
    let [low, high] = [from, to];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#keys[middle] ?? 0) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
