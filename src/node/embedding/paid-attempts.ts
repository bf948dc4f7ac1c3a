import type { Reservation } from "./embedding-budget.ts";

/**
 * The money of one request's attempts. Of an attempt that failed nobody knows whether it was charged: what was reserved
 * for it stays spent, and the next one is reserved anew.
 */
export class PaidAttempts {
  readonly #next: () => Promise<Reservation>;
  readonly #refused = new AbortController();
  #last: Reservation | undefined;
  #unsent = false;

  constructor(next: () => Promise<Reservation>) {
    this.#next = next;
  }

  /** Aborts when the budget does not reach for another attempt. */
  get refused(): AbortSignal {
    return this.#refused.signal;
  }

  /** Errors: `EMBED_BUDGET`. */
  async reserve(): Promise<void> {
    this.#last = await this.#next();
    this.#unsent = true;
  }

  async send(): Promise<void> {
    if (!this.#unsent) {
      await this.reserve().catch((error: unknown) => {
        this.#refused.abort(error);
        throw error;
      });
    }
    this.#unsent = false;
  }

  async settle(tokens: number): Promise<void> {
    await this.#last?.settle(tokens);
  }
}
