import { EngramError } from "../crypto/errors.ts";
import type { ChainClient } from "../node/ports.ts";
import type { Environment } from "../node/runtime/config.ts";
import type { Logger } from "../node/runtime/logger.ts";
import { ReleaseStack } from "../node/runtime/release-stack.ts";
import { openRelay } from "../relay/open-relay.ts";
import type { PayloadSigner } from "../relay/payload/sign-payload.ts";
import { paymentSettings } from "../relay/payment/payment-settings.ts";
import type { Relay } from "../relay/relay.ts";
import type { RelayMetrics } from "../relay/relay-metrics.ts";

/** Where one caller's outputs are queued, sent and paid for. */
export interface RelayDesk extends AsyncDisposable {
  /** At work while the desk is open. */
  readonly relay: Pick<Relay, "live" | "queued" | "submit" | "find">;
  readonly gateway: string;
  /** Every address beyond chain and miners that a submission reaches: the gateway, and what moves the money. */
  readonly reaches: readonly string[];
  /** Millionths of a dollar. */
  spending(): Promise<Spending>;
}

interface Spending {
  /** What one submission may cost at most. */
  readonly most: number;
  /** What the day's budget has left. */
  readonly left: number;
  readonly limit: number;
}

export interface RelayDeskOptions {
  /** The caller's own: outbox, payer key and ledger live in it. */
  readonly folder: string;
  readonly environment: Environment;
  readonly signer: PayloadSigner;
  /** Closed with the desk. */
  readonly chain: ChainClient;
  readonly log: Logger;
  /** Of all relays of the server. */
  readonly metrics?: RelayMetrics;
}

const nothing: Spending = { most: 0, left: 0, limit: 0 };

/** Opens the desk and lets its relay work. Errors: `GATEWAY_NOT_CONFIGURED`, and those of `openRelay`. */
export async function openRelayDesk(options: RelayDeskOptions): Promise<RelayDesk> {
  const { environment, log } = options;
  await using opening = new ReleaseStack();
  opening.use(options.chain);
  const gateway = gatewayOf(environment);
  const { relay, payer } = opening.use(await openRelay(options));
  const { maxPayment } = paymentSettings(environment);
  relay.start();
  // What an ended process signed and never heard of again is counted or freed.
  const reconciled = payer
    ?.reconcile()
    .catch(() => log.warn("earlier payments could not be looked at; they stay reserved"));
  opening.defer(() => reconciled);
  const opened = opening.move();
  return {
    relay,
    gateway,
    reaches: [gateway, ...(payer ? [environment["ENGRAM_PAYMENT_RPC_URL"] ?? ""] : [])],
    spending: async () => {
      if (!payer) return nothing;
      const { left, limit } = await payer.budget();
      return { most: Math.min(maxPayment, left), left, limit };
    },
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

function gatewayOf(environment: Environment): string {
  const url = environment["XERIS_RELAY_URL"];
  if (url !== undefined) return url;
  throw new EngramError("GATEWAY_NOT_CONFIGURED", "No gateway is configured, so nothing can be relayed", {
    fix: "Ask the person to run `engram up`, or to set XERIS_RELAY_URL and ENGRAM_GATEWAY_HOTKEY for this server.",
  });
}
