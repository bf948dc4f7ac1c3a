import { join } from "node:path";
import { EngramError } from "../../crypto/errors.ts";
import type { Clock } from "../runtime/clock.ts";
import { StoreWorker } from "../runtime/store-worker.ts";
import { workerUrl } from "../runtime/worker-url.ts";
import type { BudgetOperations } from "./budget-operations.ts";
import { EMBED_BUDGET_VARIABLE, type EndpointSettings } from "./embedding-settings.ts";

/** Amounts are kept as whole billionths of a dollar: a short text costs less than a millionth. */
const PER_DOLLAR = 1e9;
const TOKENS_PRICED = 1e6;

/** What was set aside for one request. */
export interface Reservation {
  /** The endpoint counted so many tokens: no more than that stays spent. */
  settle(tokens: number): Promise<void>;
}

/**
 * What a UTC day's embeddings may cost, on disk in a data folder, so that neither a restart nor a second process spends it
 * again. The most that a request can cost is spent before it is sent.
 */
export class EmbeddingBudget implements AsyncDisposable {
  readonly #price: number;
  readonly #limit: number;
  readonly #clock: Clock;
  readonly #ledger: StoreWorker<BudgetOperations>;

  constructor(
    { price, dailyBudget }: Pick<EndpointSettings, "price" | "dailyBudget">,
    { home, clock }: { readonly home: string; readonly clock: Clock },
  ) {
    this.#price = price;
    this.#limit = Math.floor(dailyBudget * PER_DOLLAR);
    this.#clock = clock;
    const path = join(home, "embedding-budget.sqlite");
    this.#ledger = new StoreWorker({ url: workerUrl("budget-worker", import.meta.url), workerData: { path } });
  }

  /** Errors: `EMBED_BUDGET`. */
  async reserve(tokens: number): Promise<Reservation> {
    const day = new Date(this.#clock.now()).toISOString().slice(0, 10);
    const amount = this.#cost(tokens);
    if (!(await this.#ledger.call("spend", { day, amount, limit: this.#limit }))) throw this.#refused();
    return {
      settle: async (counted) => {
        const back = amount - Math.min(amount, this.#cost(counted));
        if (back > 0) await this.#ledger.call("giveBack", { day, amount: back });
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ledger[Symbol.asyncDispose]();
  }

  #cost(tokens: number): number {
    return Math.ceil((tokens * this.#price * PER_DOLLAR) / TOKENS_PRICED);
  }

  #refused(): EngramError {
    return new EngramError("EMBED_BUDGET", "the day's budget for paid embeddings does not reach for this", {
      fix: `set ${EMBED_BUDGET_VARIABLE} to the dollars a UTC day may cost (default 0), or wait for the next day`,
    });
  }
}
