import { createHash } from "node:crypto";

/**
 * Remembers what was used until it is too old to be used again (M-W10). It never forgets early: when it is full
 * nothing new may be used, so that flooding it opens no door.
 */
export class SingleUse {
  readonly #capacity: number;
  readonly #until = new Map<string, number>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Uses `parts` once: `used` when they were used before and may still be valid. `until` and `now` in ms. */
  use(parts: readonly (string | Uint8Array)[], until: number, now: number): "first" | "used" | "full" {
    const key = keyOf(parts);
    const before = this.#until.get(key);
    if (before !== undefined && before >= now) return "used";
    if (this.#until.size >= this.#capacity) this.#forget(now);
    if (this.#until.size >= this.#capacity) return "full";
    this.#until.set(key, until);
    return "first";
  }

  #forget(now: number): void {
    for (const [key, until] of this.#until) {
      if (until < now) this.#until.delete(key);
    }
  }
}

function keyOf(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  // Lengths first: no two lists of parts make the same bytes.
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return hash.digest("base64");
}
