import { getAddress } from "viem";
import { z } from "zod";
import { type Environment, parseVariables } from "../../node/runtime/config.ts";
import { BUDGET_VARIABLE, MAX_PAYMENT_VARIABLE } from "./limit-variables.ts";
import { mainnetVariable, requireSwitch } from "./mainnet-switch.ts";
import { parseMicroDollars } from "./micro-dollars.ts";
import { type PaymentToken, tokenOn } from "./payment-tokens.ts";
import type { Hex } from "./payment-types.ts";

/** What may be spent without asking anybody. Amounts are millionths of a dollar. */
export interface PaymentSettings {
  /** Per UTC day. 0 pays nothing. */
  readonly dailyBudget: number;
  readonly maxPayment: number;
  /** The tokens that may be spent, one a network. */
  readonly tokens: readonly PaymentToken[];
  /** Where payments may go, as `new URL(url).origin` writes it; absent means the configured gateway alone. */
  readonly origins?: readonly string[];
  /** Who may be paid; absent means whoever the configured gateway names. */
  readonly payees?: readonly Hex[];
}

const dollars = z.string().transform((text, context) => {
  try {
    return parseMicroDollars(text, "down");
  } catch {
    context.addIssue({ code: "custom", message: 'must be an amount in dollars such as "0.05"' });
    return z.NEVER;
  }
});
const list = z.string().transform((text) => text.split(",").flatMap((part) => part.trim() || []));
const networks = list.transform((names, context) => {
  try {
    return names.map(tokenOn);
  } catch {
    context.addIssue({ code: "custom", message: "must list eip155:84532 or eip155:8453" });
    return z.NEVER;
  }
});
const addresses = list.pipe(
  z.array(z.string().regex(/^0x[0-9a-fA-F]{40}$/, "must list addresses of 0x and 40 digits")),
);

const origins = list.transform((urls, context) => {
  const found = urls.flatMap((url) => (/^https?:/.test(url) ? (URL.parse(url)?.origin ?? []) : []));
  if (found.length === urls.length) return found;
  context.addIssue({ code: "custom", message: "must list http or https addresses" });
  return z.NEVER;
});

const variables = z.object({
  ...mainnetVariable,
  [BUDGET_VARIABLE]: dollars.default(0),
  [MAX_PAYMENT_VARIABLE]: dollars.default(50_000),
  ENGRAM_PAYMENT_NETWORKS: networks.prefault("eip155:84532"),
  ENGRAM_PAYEES: addresses.optional(),
  ENGRAM_PAYMENT_ORIGINS: origins.optional(),
});

/** Reads the limits of `environment`. Throws `CONFIG_INVALID`. */
export function paymentSettings(environment: Environment): PaymentSettings {
  const found = parseVariables(variables, environment);
  requireSwitch(found.ENGRAM_PAYMENT_NETWORKS, found.ENGRAM_PAYMENT_MAINNET);
  const payees = found.ENGRAM_PAYEES?.map((address) => getAddress(address.toLowerCase()));
  return {
    dailyBudget: found[BUDGET_VARIABLE],
    maxPayment: found[MAX_PAYMENT_VARIABLE],
    tokens: found.ENGRAM_PAYMENT_NETWORKS,
    ...(payees === undefined ? {} : { payees }),
    ...(found.ENGRAM_PAYMENT_ORIGINS === undefined ? {} : { origins: found.ENGRAM_PAYMENT_ORIGINS }),
  };
}
