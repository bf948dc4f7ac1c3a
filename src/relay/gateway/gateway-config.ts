import { getAddress } from "viem";
import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import { type Environment, parseVariables } from "../../node/runtime/config.ts";
import { type ServiceConfig, serviceConfig, serviceVariables } from "../../node/runtime/config-service.ts";
import { parseMicroDollars } from "../payment/micro-dollars.ts";
import { type PaymentToken, tokenOn } from "../payment/payment-tokens.ts";
import type { Hex } from "../payment/payment-types.ts";
import type { RateLimit } from "./rate-limit.ts";

const whole = z.coerce.number("must be a number").int("must be a whole number");

const gatewayVariables = serviceVariables.extend({
  ENGRAM_CHAIN: z.string().optional(),
  NETUID: whole.min(0).max(65_535).default(450),
  CONSENSUS_MIN_STAKE_TAO: z.coerce.number("must be a number").min(0).default(0),
  ENGRAM_GATEWAY_HOST: z.string().default("127.0.0.1"),
  ENGRAM_GATEWAY_PORT: whole.min(0).max(65_535).default(9000),
  ENGRAM_GATEWAY_URL: z.url({ protocol: /^https?$/, error: "must be the address others reach it at" }).optional(),
  ENGRAM_GATEWAY_PRICE_USD: z
    .string()
    .regex(/^[0-9]{1,6}(\.[0-9]{1,18})?$/, 'must be an amount in dollars such as "0.001"')
    .default("0"),
  ENGRAM_GATEWAY_PAY_TO: z
    .string()
    .regex(/^0x[0-9a-fA-F]{40}$/, "must be an address of 0x and 40 digits")
    .optional(),
  ENGRAM_GATEWAY_NETWORK: z
    .enum(["eip155:84532", "eip155:8453"], "must be eip155:84532 or eip155:8453")
    .default("eip155:84532"),
  ENGRAM_PAYMENT_RPC_URL: z.url("must be the address of an EVM node").optional(),
  ENGRAM_PAYMENT_STATE: z.string().optional(),
  ENGRAM_FACILITATOR_URL: z.url("must be the address of an x402 facilitator").optional(),
});

/** How submissions are paid for. */
export interface PriceConfig {
  /** Millionths of a dollar, above 0. */
  readonly price: number;
  readonly payTo: Hex;
  readonly token: PaymentToken;
  readonly rpcUrl: string;
  /** Without one this gateway settles itself, with gas of its own. */
  readonly facilitatorUrl: string | undefined;
  /** The folder of the local EVM chain, which keeps its state in files. */
  readonly stateFolder: string | undefined;
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
  readonly maxPending: number;
  readonly rateLimit: RateLimit;
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
    maxPending: MAX_PENDING,
    rateLimit: RATE_LIMIT,
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
  return {
    price,
    payTo: getAddress(payTo.toLowerCase()),
    token: tokenOn(variables.ENGRAM_GATEWAY_NETWORK),
    rpcUrl,
    facilitatorUrl: variables.ENGRAM_FACILITATOR_URL,
    stateFolder: variables.ENGRAM_PAYMENT_STATE,
  };
}

function invalid(message: string, fix: string): EngramError {
  return new EngramError("CONFIG_INVALID", message, { fix });
}
