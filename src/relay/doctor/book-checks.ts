import { z } from "zod";
import { broken, type Finding, ok, warning } from "../../node/commands/doctor/check.ts";
import { count } from "../../node/commands/output.ts";
import type { Environment } from "../../node/runtime/config.ts";
import { createHttpClient } from "../../node/runtime/http-client.ts";
import { OPEN_STATES } from "../outbox/outbox-types.ts";
import { BUDGET_VARIABLE } from "../payment/limit-variables.ts";
import { formatMicroDollars } from "../payment/micro-dollars.ts";
import type { RelayBooks } from "../relay-books.ts";

/** As the alert has it (ops/prometheus): so many failures in a row are no accident. */
const MANY_FAILURES = 3;
const LIMITS = { deadlineMs: 3_000, maxBytes: 4_096 };

/** Whether what was queued arrives. */
export async function checkRelay(books: RelayBooks | undefined): Promise<Finding> {
  const name = "relay";
  if (!books) return ok(name, "agents of this folder queued nothing yet");
  const { states, total_ok, total_failed, consecutive_failures } = await books.status();
  const open = OPEN_STATES.reduce((sum, state) => sum + states[state], 0);
  const detail = `${total_ok} delivered, ${open} on their way`;
  if (total_failed > 0) {
    const fix = 'See why with "engram relay list", then "engram relay replay JOB".';
    return warning(name, `${detail}, ${count(total_failed, "submission")} given up`, fix);
  }
  if (consecutive_failures >= MANY_FAILURES) {
    const fix = "Look at the gateway; they are tried again by themselves.";
    return warning(name, `${detail}, the last ${consecutive_failures} attempts failed`, fix);
  }
  return ok(name, detail);
}

/** Whether the day's budget has something left, and whether the chain that is paid on answers. */
export async function checkPayment(books: RelayBooks | undefined, environment: Environment): Promise<Finding> {
  const name = "payment";
  const rpc = environment["ENGRAM_PAYMENT_RPC_URL"];
  if ((environment[BUDGET_VARIABLE] ?? "0") === "0") return ok(name, `${BUDGET_VARIABLE} is not set: nothing is paid`);
  if (rpc !== undefined) {
    const chain = await chainIdOf(rpc);
    if (chain === null) {
      return warning(name, "the payment chain does not answer", "Check ENGRAM_PAYMENT_RPC_URL; payments wait for it.");
    }
    const allowed = (environment["ENGRAM_PAYMENT_NETWORKS"] ?? "eip155:84532").split(",").map((one) => one.trim());
    if (!allowed.includes(`eip155:${chain}`)) {
      const fix = "Set ENGRAM_PAYMENT_RPC_URL to a node of the network that is paid on.";
      return broken(name, `ENGRAM_PAYMENT_RPC_URL serves eip155:${chain}, and ${allowed.join(", ")} is paid on`, fix);
    }
  }
  const budget = await books?.budget();
  if (!budget) return ok(name, "agents of this folder paid nothing yet");
  const detail = `${formatMicroDollars(budget.left)} of ${formatMicroDollars(budget.limit)} left today (UTC)`;
  if (budget.left > 0) return ok(name, detail);
  return warning(name, detail, `Wait for tomorrow, or raise ${BUDGET_VARIABLE}; "engram payments" shows the ledger.`);
}

async function chainIdOf(url: string): Promise<number | null> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] });
  try {
    const { text } = await createHttpClient().postJson(url, body, LIMITS);
    return Number(z.looseObject({ result: z.string().regex(/^0x[0-9a-f]+$/i) }).parse(JSON.parse(text)).result);
  } catch {
    return null;
  }
}
