import { join } from "node:path";
import { StoreWorker } from "../../node/runtime/store-worker.ts";
import { workerUrl } from "../../node/runtime/worker-url.ts";
import type { BudgetState } from "./buyer-types.ts";
import type { LedgerOperations } from "./ledger-operations.ts";

export type Ledger = StoreWorker<LedgerOperations>;

/** Opens the payments of a home; several processes may, and share one budget. */
export function openLedger(home: string): Ledger {
  const path = join(home, "payments.sqlite");
  return new StoreWorker({ url: workerUrl("ledger-worker", import.meta.url), workerData: { path } });
}

/** The UTC day of `now` (unix milliseconds), `2026-11-22`. */
export function dayOf(now: number): string {
  return new Date(now).toISOString().slice(0, 10);
}

/** What the day of `now` allows and has used. */
export async function budgetOf(ledger: Ledger, limit: number, now: number): Promise<BudgetState> {
  const day = dayOf(now);
  const { reserved, spent } = await ledger.call("spentOn", { day });
  return { day, limit, reserved, spent, left: Math.max(0, limit - reserved - spent) };
}
