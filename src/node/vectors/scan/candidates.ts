import { TopRows } from "./top-rows.ts";

/**
 * Rows that may be among the best, told from estimates with a bound on their error: whoever cannot reach the
 * `limit`-th best lower bound is out. What remains holds the exact answer, whatever the estimates were.
 */
export class Candidates {
  readonly #best: TopRows;
  #slots: number[] = [];
  #upper: number[] = [];
  /** The `limit`-th best lower bound so far: an upper bound below it is out. */
  threshold = Number.NEGATIVE_INFINITY;

  constructor(limit: number) {
    this.#best = new TopRows(limit);
  }

  /** To be called with an upper bound that reaches `threshold`. */
  offer(slot: number, lower: number, upper: number): void {
    this.#slots.push(slot);
    this.#upper.push(upper);
    if (lower <= this.threshold) return;
    this.#best.offer(slot, lower);
    // Rounded to single precision there: every bound has more room than that (see estimates.ts).
    this.threshold = this.#best.worst;
  }

  slots(): number[] {
    return this.#slots.filter((_, i) => (this.#upper[i] as number) >= this.threshold);
  }
}
