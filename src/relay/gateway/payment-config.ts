import { getAddress } from "viem";
import { z } from "zod";
import { Secret } from "../../node/runtime/secret.ts";
import { mainnetVariable, requireSwitch } from "../payment/mainnet-switch.ts";
import { type PaymentToken, tokenOn } from "../payment/payment-tokens.ts";
import type { Hex } from "../payment/payment-types.ts";

/** What every seller reads: who is paid, in what, and who settles. */
export const settlementVariables = z.object({
  ENGRAM_PAYMENT_RPC_URL: z.url("must be the address of an EVM node").optional(),
  ENGRAM_PAYMENT_STATE: z.string().optional(),
  ...mainnetVariable,
  ENGRAM_FACILITATOR_URL: z
    .url({ protocol: /^https?$/, error: "must be the address of an x402 facilitator" })
    .optional(),
  ENGRAM_FACILITATOR_AUTH: z
    .string()
    .regex(/^[\x20-\x7e]{1,4096}$/, "must be the value of an Authorization header")
    .transform((value) => new Secret(value))
    .optional(),
});

export const payToVariable = z.string().regex(/^0x[0-9a-fA-F]{40}$/, "must be an address of 0x and 40 digits");
export const networkVariable = z.enum(["eip155:84532", "eip155:8453"], "must be eip155:84532 or eip155:8453");

/** How a seller is paid. */
export interface SettlementConfig {
  readonly payTo: Hex;
  readonly token: PaymentToken;
  readonly rpcUrl: string;
  /** Without one this process settles itself, with gas of its own. */
  readonly facilitatorUrl: string | undefined;
  /** The Authorization header that the facilitator wants. */
  readonly facilitatorAuth?: Secret<string> | undefined;
  /** The folder of the local EVM chain, which keeps its state in files. */
  readonly stateFolder: string | undefined;
}

export interface SettlementParts {
  readonly payTo: string;
  readonly network: z.output<typeof networkVariable>;
  readonly rpcUrl: string;
}

/** Errors: `CONFIG_INVALID` for real dollars that nobody switched on, or a secret sent in the clear. */
export function settlementConfig(
  variables: z.output<typeof settlementVariables>,
  { payTo, network, rpcUrl }: SettlementParts,
): SettlementConfig {
  const token = tokenOn(network);
  requireSwitch([token], variables.ENGRAM_PAYMENT_MAINNET);
  const { ENGRAM_FACILITATOR_URL: facilitatorUrl, ENGRAM_FACILITATOR_AUTH: facilitatorAuth } = variables;
  return {
    payTo: getAddress(payTo.toLowerCase()),
    token,
    rpcUrl,
    facilitatorUrl,
    facilitatorAuth,
    stateFolder: variables.ENGRAM_PAYMENT_STATE,
  };
}
