import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import { loadSr25519 } from "../../crypto/sr25519.ts";
import type { ChainClient } from "../../node/ports.ts";
import { type Environment, parseVariables } from "../../node/runtime/config.ts";
import type { Fetch } from "../../node/runtime/http-client.ts";
import type { Logger } from "../../node/runtime/logger.ts";
import { Secret } from "../../node/runtime/secret.ts";
import { ChainCheck } from "../gateway/chain-check.ts";
import { relaySettings } from "../relay-settings.ts";
import { isGrpc } from "../transport/open-transport.ts";
import { PaymentCheck, type TransferLookup } from "./check-payment.ts";
import { GatewayConnection } from "./gateway-connection.ts";
import { IntelligenceReader } from "./intelligence-reader.ts";
import { ItemChecker } from "./item-checker.ts";
import { type ReaderLimits, readerLimits } from "./reader-limits.ts";

export interface OpenIntelligenceOptions {
  /** The chain that the validators of the feed work on. Not closed by the reader. */
  readonly chain: ChainClient;
  readonly log: Logger;
  readonly limits?: Partial<ReaderLimits>;
  /** In place of the global `fetch`. */
  readonly fetch?: Fetch;
}

const address = z.string().regex(/^0x[0-9a-fA-F]{40}$/, "must list addresses of 0x and 40 digits");
const variables = z.object({
  CONSENSUS_MIN_STAKE_TAO: z.coerce.number("must be a number").min(0).default(0),
  ENGRAM_PAYMENT_RPC_URL: z.url("must be the address of an EVM node").optional(),
  ENGRAM_GATEWAY_TOKEN: z
    .string()
    .regex(/^[\w-]{1,200}$/, "must be a token of the gateway")
    .transform((text) => new Secret(text))
    .optional(),
  ENGRAM_PAYEES: z
    .string()
    .transform((text) => text.split(",").flatMap((part) => part.trim() || []))
    .pipe(z.array(address))
    .optional(),
});

/**
 * The reader of the gateway that `environment` names: `XERIS_RELAY_URL` and, pinned, `ENGRAM_GATEWAY_HOTKEY`. With
 * `ENGRAM_PAYMENT_RPC_URL` payments are looked up on their chain, against `ENGRAM_PAYEES` where that is set; `ENGRAM_GATEWAY_TOKEN` is shown to the gateway
 * where it was given one; `NETUID` and `CONSENSUS_MIN_STAKE_TAO` say who is a validator. It holds nothing that must be closed.
 *
 * Errors: `GATEWAY_NOT_CONFIGURED`, `CONFIG_INVALID`.
 */
export async function openIntelligence(
  environment: Environment,
  options: OpenIntelligenceOptions,
): Promise<IntelligenceReader> {
  const { gateway: pinned, netuid } = relaySettings(environment);
  const found = parseVariables(variables, environment);
  if (pinned === null) {
    throw new EngramError("GATEWAY_NOT_CONFIGURED", "no gateway is configured to read from", {
      fix: 'start a local subnet with "engram up", or set XERIS_RELAY_URL and ENGRAM_GATEWAY_HOTKEY',
    });
  }
  if (isGrpc(pinned.url)) {
    throw new EngramError("GATEWAY_NOT_CONFIGURED", "an endpoint of gRPC takes submissions and has no feed", {
      fix: "name a gateway of http or https in XERIS_RELAY_URL to read from",
    });
  }
  const { chain, log } = options;
  const limits = { ...readerLimits, ...options.limits };
  const gateway = new GatewayConnection(pinned.url, limits, options.fetch, found.ENGRAM_GATEWAY_TOKEN);
  const payments = new PaymentCheck({
    lookup: await lookupAt(found.ENGRAM_PAYMENT_RPC_URL),
    payees: (found.ENGRAM_PAYEES as readonly `0x${string}`[] | undefined) ?? null,
    payee: (signal) => gateway.payee(signal),
  });
  const checker = new ItemChecker({
    hotkey: pinned.hotkey,
    netuid,
    minStakeTao: found.CONSENSUS_MIN_STAKE_TAO,
    gateway,
    chain: new ChainCheck(chain, log),
    payments,
    sr25519: await loadSr25519(),
  });
  return new IntelligenceReader({ pinned, gateway, checker, limits, log });
}

/** Loaded where it is used alone: the EVM library is large. */
async function lookupAt(url: string | undefined): Promise<TransferLookup | null> {
  if (url === undefined) return null;
  const { evmTransfers } = await import("../evm/evm-transfers.ts");
  return evmTransfers(url);
}
