import type { Hotkey } from "../../crypto/ss58.ts";

/** Expired entries that are let go of at each use: more than come in, so that they never pile up. */
const FORGOTTEN_AT_ONCE = 4;

interface Limits {
  /** Of one caller. */
  readonly perCaller: number;
  /** Of all callers that nobody permitted: who is permitted has room whatever they do. */
  readonly strangers: number;
}

interface Use {
  readonly caller: Hotkey;
  readonly nonce: bigint;
  /** Until when it could be used again, in ms. */
  readonly until: number;
  readonly isPermitted: boolean;
}

/**
 * Nonces of callers, each remembered until it is too old to be used again (M-W10). None is forgotten early: whoever has
 * no room left waits. What was forgotten stays used although the clock goes back.
 */
export class CallerNonces {
  readonly #limits: Limits;
  /** In the order of use, which is nearly that of the times. One for all: who becomes permitted repeats nothing. */
  readonly #uses = new Map<string, Use>();
  readonly #counts = new Map<Hotkey, number>();
  #strangers = 0;
  #floor = Number.NEGATIVE_INFINITY;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** `used`: it was used before and may still be valid. `full`: this caller, or strangers like it, have no room. */
  use(use: Use, now: number): "first" | "used" | "full" {
    const { caller, nonce, until, isPermitted } = use;
    const key = `${caller}:${nonce}`;
    const before = this.#uses.get(key);
    if ((before !== undefined && before.until >= now) || until <= this.#floor) return "used";
    this.#forget(now, this.#hasRoom(caller, isPermitted) ? FORGOTTEN_AT_ONCE : this.#uses.size);
    if (!this.#hasRoom(caller, isPermitted)) return "full";
    this.#drop(key);
    this.#uses.set(key, use);
    this.#counts.set(caller, (this.#counts.get(caller) ?? 0) + 1);
    if (!isPermitted) this.#strangers += 1;
    return "first";
  }

  #hasRoom(caller: Hotkey, isPermitted: boolean): boolean {
    if ((this.#counts.get(caller) ?? 0) >= this.#limits.perCaller) return false;
    return isPermitted || this.#strangers < this.#limits.strangers;
  }

  /** Looks at the `most` oldest. */
  #forget(now: number, most: number): void {
    let looked = 0;
    for (const [key, { until }] of this.#uses) {
      if (looked++ === most) return;
      if (until >= now) continue;
      this.#drop(key);
      this.#floor = Math.max(this.#floor, until);
    }
  }

  #drop(key: string): void {
    const use = this.#uses.get(key);
    if (!use) return;
    this.#uses.delete(key);
    if (!use.isPermitted) this.#strangers -= 1;
    const left = (this.#counts.get(use.caller) ?? 1) - 1;
    if (left > 0) this.#counts.set(use.caller, left);
    else this.#counts.delete(use.caller);
  }
}
