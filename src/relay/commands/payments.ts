import type { Command } from "commander";
import { type CommonOptions, dataCommand, positiveInteger, run } from "../../node/commands/kit.ts";
import { columns, print } from "../../node/commands/output.ts";
import { homeFolder, readEnvironment } from "../../node/runtime/config.ts";
import { homeEnvironment } from "../../node/runtime/saved-subnet.ts";
import type { BudgetState, LedgerEntry } from "../payment/buyer-types.ts";
import { formatMicroDollars } from "../payment/micro-dollars.ts";

interface PaymentsOptions extends CommonOptions {
  readonly limit: number;
}

interface PaymentsReport {
  readonly budget: BudgetState;
  readonly payments: readonly LedgerEntry[];
}

/** `engram payments`: what was paid for submissions, and what the day's budget has left. */
export function paymentsCommand(): Command {
  return dataCommand("payments", "show what was paid for submissions, and what the day's budget has left")
    .option("--limit <count>", "how many payments, newest first", positiveInteger, 20)
    .action((options: PaymentsOptions) =>
      run(options, async () => print(options.json === true, await report(options), describe)),
    );
}

async function report({ home, limit }: PaymentsOptions): Promise<PaymentsReport> {
  const folder = homeFolder(readEnvironment(), home);
  const environment = await homeEnvironment(folder, readEnvironment());
  const [{ budgetOf, openLedger }, { paymentSettings }] = await Promise.all([
    import("../payment/ledger.ts"),
    import("../payment/payment-settings.ts"),
  ]);
  const { dailyBudget } = paymentSettings(environment);
  await using ledger = openLedger(folder);
  return {
    budget: await budgetOf(ledger, dailyBudget, Date.now()),
    payments: await ledger.call("ledger", { limit: Math.min(limit, 1_000) }),
  };
}

function describe({ budget, payments }: PaymentsReport): string {
  const { day, limit, reserved, spent, left } = budget;
  const used = `spent ${formatMicroDollars(spent)}, reserved ${formatMicroDollars(reserved)}`;
  // What another process was started with is not known here.
  const head =
    limit === 0
      ? `${day} (UTC): ${used}; no daily budget is set here (ENGRAM_DAILY_BUDGET_USD)`
      : `${day} (UTC): budget ${formatMicroDollars(limit)}, ${used}, left ${formatMicroDollars(left)}`;
  if (payments.length === 0) return `${head}\nNothing was paid yet.`;
  const rows = payments.map((payment) => [
    new Date(payment.createdAt).toISOString(),
    payment.state,
    formatMicroDollars(payment.amount),
    payment.gateway,
    payment.signedHash.slice(0, 16),
    payment.transaction ?? "",
  ]);
  return `${head}\n${columns([["time", "state", "amount", "gateway", "submission", "transaction"], ...rows])}`;
}
