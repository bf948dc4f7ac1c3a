import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import { type Environment, flag, parseVariables } from "../../node/runtime/config.ts";
import { type ServiceConfig, serviceConfig, serviceVariables } from "../../node/runtime/config-service.ts";
import type { AnchorRule } from "../anchor.ts";
import { parseMicroDollars } from "../payment/micro-dollars.ts";
import {
  networkVariable,
  payToVariable,
  type SettlementConfig,
  settlementConfig,
  settlementVariables,
} from "./payment-config.ts";
import type { RateLimit } from "./rate-limit.ts";
import { SCOPES, type Scope } from "./readers.ts";

const whole = z.coerce.number("must be a number").int("must be a whole number");

const gatewayVariables = serviceVariables.extend(settlementVariables.shape).extend({
  ENGRAM_CHAIN: z.string().optional(),
  NETUID: whole.min(0).max(65_535).default(450),
  CONSENSUS_MIN_STAKE_TAO: z.coerce.number("must be a number").min(0).default(0),
  ENGRAM_GATEWAY_HOST: z.string().default("127.0.0.1"),
  ENGRAM_GATEWAY_PORT: whole.min(0).max(65_535).default(9000),
  ENGRAM_GATEWAY_URL: z.url({ protocol: /^https?$/, error: "must be the address others reach it at" }).optional(),
  ENGRAM_GATEWAY_PUBLIC_SCOPES: z
    .string()
    .transform((text) => text.split(",").flatMap((part) => part.trim() || []))
    .pipe(z.array(z.enum(SCOPES, "must list feed, receipts or payers")))
    .optional(),
  ENGRAM_GATEWAY_ANCHOR: z.enum(["auto", "always"], "must be auto or always").default("auto"),
  ENGRAM_GATEWAY_KEEP_BODIES_DAYS: whole.min(0).max(36_500).default(0),
  ENGRAM_GATEWAY_WEBHOOK_LOOPBACK: flag.default(false),
  ENGRAM_GATEWAY_WEBHOOK_DAYS: whole.min(1).max(365).default(7),
  ENGRAM_GATEWAY_PRICE_USD: z
    .string()
    .regex(/^[0-9]{1,6}(\.[0-9]{1,18})?$/, 'must be an amount in dollars such as "0.001"')
    .default("0"),
  ENGRAM_GATEWAY_PAY_TO: payToVariable.optional(),
  ENGRAM_GATEWAY_NETWORK: networkVariable.default("eip155:84532"),
});

/** How submissions are paid for. */
export interface PriceConfig extends SettlementConfig {
  /** Millionths of a dollar, above 0. */
  readonly price: number;
}

export interface GatewayConfig extends ServiceConfig {
  /** Submissions, receipts and the hotkey. */
  readonly folder: string;
  /** `ENGRAM_CHAIN`. */
  readonly chain: string;
  readonly isMainnet: boolean;
  readonly hostname: string;
  readonly port: number;
  /** Where others reach it, without path; the listener's own address when not given. */
  readonly origin: string | undefined;
  readonly netuid: number;
  readonly minStakeTao: number;
  /** Whether rankings must be anchored on the chain: `auto`, where it is real. */
  readonly anchor: AnchorRule;
  readonly maxPending: number;
  readonly rateLimit: RateLimit;
  /** What everybody may read without a token; undefined for what fits the chain. */
  readonly publicScopes: readonly Scope[] | undefined;
  /** How long bodies of accepted submissions are kept; null for ever. */
  readonly keepBodiesMs: number | null;
  /** Whether readers' webhooks may be on this machine; a simulated chain's may anyway. */
  readonly webhookLoopback: boolean;
  /** How long a webhook may fail before it is given up. */
  readonly webhookDeadMs: number;
  /** Null when submissions are free. */
  readonly pricing: PriceConfig | null;
}

/** What a command's options put over the variables. */
export interface GatewayOverrides {
  readonly host?: string;
  readonly port?: number;
}

/** Submissions of one validator that may lack signatures or payment at a time. */
const MAX_PENDING = 16;
const DAY_MS = 86_400_000;
const RATE_LIMIT: RateLimit = { burst: 100, perSecond: 20 };

/** Throws `CONFIG_INVALID`, also without `ENGRAM_CHAIN`: a gateway never chooses a chain by itself. */
export function readGatewayConfig(
  environment: Environment,
  folder: string,
  overrides: GatewayOverrides = {},
): GatewayConfig {
  const variables = parseVariables(gatewayVariables, environment);
  if (variables.ENGRAM_CHAIN === undefined) {
    throw invalid("a gateway must be told its chain", "set ENGRAM_CHAIN=local for a simulated chain on this machine");
  }
  const { ENGRAM_GATEWAY_URL: url } = variables;
  return {
    ...serviceConfig(variables),
    folder,
    chain: variables.ENGRAM_CHAIN,
    isMainnet: variables.ENGRAM_ENV === "mainnet",
    hostname: overrides.host ?? variables.ENGRAM_GATEWAY_HOST,
    port: overrides.port ?? variables.ENGRAM_GATEWAY_PORT,
    origin: url === undefined ? undefined : new URL(url).origin,
    netuid: variables.NETUID,
    minStakeTao: variables.CONSENSUS_MIN_STAKE_TAO,
    anchor: variables.ENGRAM_GATEWAY_ANCHOR,
    maxPending: MAX_PENDING,
    rateLimit: RATE_LIMIT,
    publicScopes: variables.ENGRAM_GATEWAY_PUBLIC_SCOPES,
    keepBodiesMs: variables.ENGRAM_GATEWAY_KEEP_BODIES_DAYS * DAY_MS || null,
    webhookLoopback: variables.ENGRAM_GATEWAY_WEBHOOK_LOOPBACK,
    webhookDeadMs: variables.ENGRAM_GATEWAY_WEBHOOK_DAYS * DAY_MS,
    pricing: pricingOf(variables),
  };
}

function pricingOf(variables: z.output<typeof gatewayVariables>): PriceConfig | null {
  // Rounded up: nobody is asked for less than the price.
  const price = parseMicroDollars(variables.ENGRAM_GATEWAY_PRICE_USD, "up");
  if (price === 0) return null;
  const { ENGRAM_GATEWAY_PAY_TO: payTo, ENGRAM_PAYMENT_RPC_URL: rpcUrl } = variables;
  if (payTo === undefined || rpcUrl === undefined) {
    throw invalid(
      "a gateway with a price must know who is paid and where",
      "set ENGRAM_GATEWAY_PAY_TO and ENGRAM_PAYMENT_RPC_URL, or ENGRAM_GATEWAY_PRICE_USD=0",
    );
  }
  const network = variables.ENGRAM_GATEWAY_NETWORK;
  return { price, ...settlementConfig(variables, { payTo, network, rpcUrl }) };
}

function invalid(message: string, fix: string): EngramError {
  return new EngramError("CONFIG_INVALID", message, { fix });
}
