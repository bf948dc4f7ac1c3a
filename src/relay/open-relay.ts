import { loadSr25519 } from "../crypto/sr25519.ts";
import type { ChainClient } from "../node/ports.ts";
import type { Auth2Peer } from "../node/protocol/auth2-caller.ts";
import type { Clock } from "../node/runtime/clock.ts";
import type { Environment } from "../node/runtime/config.ts";
import { createHttpClient } from "../node/runtime/http-client.ts";
import type { Logger } from "../node/runtime/logger.ts";
import { ReleaseStack } from "../node/runtime/release-stack.ts";
import type { PayloadSigner } from "./payload/sign-payload.ts";
import type { SubmissionPayer } from "./payment/buyer-types.ts";
import { openPayer } from "./payment/open-payer.ts";
import { Relay } from "./relay.ts";
import type { RelayMetrics } from "./relay-metrics.ts";
import { relaySettings } from "./relay-settings.ts";
import { isGrpc } from "./transport/open-transport.ts";

export interface OpenRelayOptions {
  /** Outbox, payer key and ledger live in it. */
  readonly folder: string;
  readonly environment: Environment;
  readonly signer: PayloadSigner;
  /** Not closed by the relay. */
  readonly chain: ChainClient;
  readonly log: Logger;
  /** Validators to ask for co-signatures, beside those whose address is on the chain. */
  readonly peers?: readonly Auth2Peer[];
  readonly clock?: Clock;
  /** Spreads the waits between attempts; `Math.random` when absent. */
  readonly random?: () => number;
  /** Of all relays of a process that has several. */
  readonly metrics?: RelayMetrics;
}

export interface OpenedRelay extends AsyncDisposable {
  readonly relay: Relay;
  /** Absent where nothing may be spent. */
  readonly payer: SubmissionPayer | undefined;
}

/**
 * The relay that `environment` describes, not started, with its payer. Errors: `CONFIG_INVALID`, and those of the
 * folder's key and stores.
 */
export async function openRelay({ folder, environment, ...rest }: OpenRelayOptions): Promise<OpenedRelay> {
  const settings = relaySettings(environment);
  await using stack = new ReleaseStack();
  const { gateway } = settings;
  const payer = gateway === null || isGrpc(gateway.url) ? undefined : await openPayer(folder, environment, gateway.url);
  if (payer) stack.use(payer);
  const sr25519 = await loadSr25519();
  const parts = { random: Math.random, ...rest, home: folder, settings, http: createHttpClient(), sr25519 };
  const relay = stack.use(new Relay({ ...parts, ...(payer ? { payer } : {}) }));
  const release = stack.move();
  return { relay, payer, [Symbol.asyncDispose]: () => release[Symbol.asyncDispose]() };
}
