import { createHash } from "node:crypto";

/** Expired entries that are let go of at each use: more than come in, so that they never pile up. */
const FORGOTTEN_AT_ONCE = 4;

/**
 * Remembers what was used until it is too old to be used again (M-W10). It never forgets early: when it is full
 * nothing new may be used, so that flooding it opens no door. What it forgot stays used although the clock goes back:
 * nothing is taken any more that ends before the last thing forgotten did.
 */
export class SingleUse {
  readonly #capacity: number;
  /** In the order of use, which is nearly that of the times. */
  readonly #until = new Map<string, number>();
  #floor = Number.NEGATIVE_INFINITY;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** How many are remembered. */
  get size(): number {
    return this.#until.size;
  }

  /** Uses `parts` once: `used` when they were used before and may still be valid. `until` and `now` in ms. */
  use(parts: readonly (string | Uint8Array)[], until: number, now: number): "first" | "used" | "full" {
    const key = keyOf(parts);
    const before = this.#until.get(key);
    if ((before !== undefined && before >= now) || until <= this.#floor) return "used";
    this.#forget(now, this.#until.size >= this.#capacity ? this.#capacity : FORGOTTEN_AT_ONCE);
    if (this.#until.size >= this.#capacity) return "full";
    this.#until.set(key, until);
    return "first";
  }

  /** Looks at the `most` oldest. */
  #forget(now: number, most: number): void {
    let looked = 0;
    for (const [key, until] of this.#until) {
      if (looked++ === most) return;
      if (until >= now) continue;
      this.#until.delete(key);
      this.#floor = Math.max(this.#floor, until);
    }
  }
}

function keyOf(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  // Lengths first: no two lists of parts make the same bytes.
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return hash.digest("base64");
}
