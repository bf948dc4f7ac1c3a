import { EngramError } from "../../crypto/errors.ts";
import { loadSr25519 } from "../../crypto/sr25519.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import { chainMetrics } from "../../node/chain/chain-metrics.ts";
import { isLoopback } from "../../node/chain/loopback.ts";
import type { ChainClient } from "../../node/ports.ts";
import type { Clock } from "../../node/runtime/clock.ts";
import { createHttpClient } from "../../node/runtime/http-client.ts";
import type { Logger } from "../../node/runtime/logger.ts";
import { drainAll, exposition, operatorPages, startOperatorListener } from "../../node/runtime/operator-listener.ts";
import { processMetrics } from "../../node/runtime/process-metrics.ts";
import { ReleaseStack } from "../../node/runtime/release-stack.ts";
import { type ServiceControl, startServiceListener } from "../../node/runtime/service-listener.ts";
import { SignaturePool } from "../../node/runtime/signature-pool.ts";
import { ChainCheck } from "./chain-check.ts";
import { CosignatureDesk } from "./cosignature-desk.ts";
import { FeedStreams } from "./feed-stream.ts";
import { createGatewayApp, type GatewayApp } from "./gateway-app.ts";
import type { GatewayConfig } from "./gateway-config.ts";
import { GatewayMetrics } from "./gateway-metrics.ts";
import { freeGate, type GatewayPaymentsDeps, openPaymentGate } from "./gateway-payments.ts";
import { openGatewayStore } from "./gateway-store.ts";
import type { SubmissionGate } from "./payment-port.ts";
import { PermittedSets } from "./permitted-sets.ts";
import { Readers, SCOPES } from "./readers.ts";
import { SubmissionDesk } from "./submission-desk.ts";
import { recoverPaid, snapshotSet, startSweep } from "./sweep.ts";
import { WebhookMetrics } from "./webhook-metrics.ts";
import { WebhookPusher } from "./webhook-pusher.ts";
import { openWebhookSecrets } from "./webhook-secrets.ts";
import { webhookFetch } from "./webhook-url.ts";

export interface StartGatewayDeps {
  /** Not closed by the gateway. */
  readonly chain: ChainClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Replaces the gate that `config.pricing` describes. */
  readonly openGate?: (origin: string, deps: GatewayPaymentsDeps) => Promise<SubmissionGate>;
}

export interface RunningGateway extends AsyncDisposable, ServiceControl {
  /** Signs the receipts: consumers pin it. */
  readonly hotkey: Hotkey;
  /** Where it listens. */
  readonly url: string;
  /** Where others reach it, without path. */
  readonly origin: string;
  /** Where the operator's listener is, if there is one. */
  readonly operatorUrl: string | undefined;
}

/**
 * `engram gateway`: takes submissions, gives receipts and serves the feed. Errors: `CHAIN_LOCAL_REFUSED`,
 * `HTTP_LISTEN`, `TLS_UNREADABLE`, and those of the folder's wallet and store. Disposing ends the streams, finishes the requests in
 * flight and closes the store.
 */
export async function startGateway(config: GatewayConfig, deps: StartGatewayDeps): Promise<RunningGateway> {
  const { clock, logger: log } = deps;
  const isSimulated = (await deps.chain.identity()).startsWith("local:");
  if (isSimulated) refuseOutside(config);
  await using stack = new ReleaseStack();
  const store = stack.use(openGatewayStore(config.folder));
  const [{ newest }, sr25519] = await Promise.all([store.call("ledgerHead", null), loadSr25519()]);
  const hotkey = newest.gateway_hotkey as Hotkey;
  // A port that was free is known only once it is taken: early requests wait for the app.
  const app = Promise.withResolvers<GatewayApp>();
  let serves = false;
  const server = stack.use(
    await startServiceListener({
      ...config,
      logger: log,
      isReady: () => serves,
      handler: async (request, { peer }) => (await app.promise).fetch(request, { peer }),
    }),
  );
  const origin = config.origin ?? server.url;
  const { netuid, minStakeTao, maxPending, rateLimit, anchor } = config;
  const gate = await (deps.openGate ?? gateOf(config))(origin, { store, clock, log });
  const chain = new ChainCheck(deps.chain, log);
  const sets = new PermittedSets({ netuid, minStakeTao }, { chain, store });
  const streams = new FeedStreams(store);
  // Payers of a simulated chain's test money have nothing to hide from this machine.
  const readers = new Readers(store, config.publicScopes ?? (isSimulated ? SCOPES : ["feed", "receipts"]));
  const [webhookMetrics, secrets] = [new WebhookMetrics(store), await openWebhookSecrets(config.folder)];
  const loopback = isSimulated || config.webhookLoopback;
  const pusher = stack.use(
    new WebhookPusher({
      ...{ store, readers, secrets, clock, log, metrics: webhookMetrics, deadAfterMs: config.webhookDeadMs },
      http: createHttpClient(webhookFetch(loopback)),
    }),
  );
  pusher.start();
  const onAccepted = () => {
    streams.ring();
    pusher.ring();
  };
  const { keepBodiesMs } = config;
  const sweep = { store, gate, chain, sets, clock, log, onAccepted, keepBodiesMs };
  await recoverPaid(sweep);
  await snapshotSet(sweep);
  stack.use(startSweep(sweep));
  // Released first: an open stream would keep the server waiting.
  stack.use(streams);
  const options = { netuid, maxPending, anchor, resource: `${origin}/relay` };
  const verifier = stack.use(new SignaturePool({ sr25519 }));
  const desk = new SubmissionDesk(options, { store, gate, chain, sets, verifier, clock, log, onAccepted });
  const cosignatures = new CosignatureDesk({ store, desk, chain, sets, verifier });
  const price = priceOf(config, gate);
  const webhooks = { secrets, loopback, onAdded: () => pusher.ring() };
  const metrics = new GatewayMetrics({
    receipts: () => store.call("lastSeq", null),
    open: () => store.call("open", null),
    feedReaders: () => streams.readers,
  });
  metrics.join(webhookMetrics, processMetrics(config.folder), chainMetrics(deps.chain));
  const parts = { store, desk, cosignatures, streams, chain, readers, webhooks, clock, log, metrics };
  const made = createGatewayApp({ hotkey, origin, netuid, rateLimit, price, ...parts });
  const pages = { metrics: () => exposition(metrics), health: (request: Request) => made.fetch(request) };
  const handler = operatorPages(config.adminHost, pages);
  const operator = await startOperatorListener({ ...config, handler, isReady: () => serves, logger: log });
  if (operator) stack.use(operator);
  app.resolve(made);
  serves = true;
  const release = stack.move();
  const { url, renewCertificate } = server;
  return {
    ...{ hotkey, url, origin, operatorUrl: operator?.url, renewCertificate },
    drain: () => drainAll(server, operator),
    [Symbol.asyncDispose]: () => release[Symbol.asyncDispose](),
  };
}

function gateOf({ folder, pricing }: GatewayConfig): NonNullable<StartGatewayDeps["openGate"]> {
  return async (origin, deps) => (pricing === null ? freeGate : openPaymentGate(folder, origin, pricing, deps));
}

function priceOf({ pricing }: GatewayConfig, { price }: SubmissionGate): object | null {
  if (pricing === null) return null;
  const { token, payTo } = pricing;
  return { micro_usd: price, network: token.network, asset: token.asset, pay_to: payTo };
}

/** On a simulated chain anybody is whoever they say: it is for one machine and for trying things out. */
function refuseOutside({ isMainnet, hostname, pricing }: GatewayConfig): void {
  if (!isMainnet && isLoopback(hostname) && pricing?.token.real !== true) return;
  throw new EngramError("CHAIN_LOCAL_REFUSED", "the simulated chain serves this machine alone, and no real dollars", {
    fix: "set ENGRAM_CHAIN to a real chain, or listen on 127.0.0.1 and be paid on eip155:84532",
  });
}
