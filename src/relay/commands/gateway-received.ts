import { Command } from "commander";
import { positiveInteger } from "../../node/commands/kit.ts";
import { columns, print } from "../../node/commands/output.ts";
import type { PaymentTotals, ReceivedPayment } from "../gateway/payment-types.ts";
import { formatMicroDollars } from "../payment/micro-dollars.ts";
import { inFolder, withFolder } from "./gateway-folder.ts";

interface Received {
  readonly totals: PaymentTotals;
  readonly payments: readonly ReceivedPayment[];
}

/** `engram gateway payments`: what the gateway was paid, and what it refused. */
export function receivedCommand(): Command {
  return withFolder(new Command("payments"))
    .description("list what this gateway was paid, and payments it refused because they were bound to something else")
    .option("--limit <count>", "how many, newest first", positiveInteger, 20)
    .option("--json", "print the result as one line of JSON")
    .action((options: { readonly limit: number; readonly json?: boolean }, command: Command) =>
      inFolder(command, async (folder) => {
        const { openGatewayStore } = await import("../gateway/gateway-store.ts");
        await using store = openGatewayStore(folder);
        const limit = Math.min(options.limit, 1_000);
        const received = {
          totals: await store.call("paymentTotals", null),
          payments: await store.call("receivedPayments", { limit }),
        };
        await print(options.json === true, received, describe);
      }),
    );
}

function describe({ totals, payments }: Received): string {
  const { bound, unbound, mismatched } = totals;
  const head = `settled: ${bound} bound, ${unbound} unbound; refused: ${mismatched} mismatched`;
  if (payments.length === 0) return `${head}\nNothing was paid yet.`;
  const rows = payments.map((payment) => [
    new Date(payment.at).toISOString(),
    payment.state,
    payment.binding,
    formatMicroDollars(payment.amount),
    payment.payer,
    payment.signedHash.slice(0, 16),
    payment.transaction ?? "",
  ]);
  return `${head}\n${columns([["time", "state", "binding", "amount", "payer", "submission", "transaction"], ...rows])}`;
}
