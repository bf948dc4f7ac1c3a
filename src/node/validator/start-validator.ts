import { isIPv6 } from "node:net";
import { join } from "node:path";
import type { Hono } from "hono";
import { EngramError, isEngramError } from "../../crypto/errors.ts";
import { loadSr25519 } from "../../crypto/sr25519.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import { chainMetrics } from "../chain/chain-metrics.ts";
import { isLoopback } from "../chain/loopback.ts";
import { createNodeFetch } from "../chain/node-address.ts";
import { openWallet } from "../chain/wallet.ts";
import type { ChainClient } from "../ports.ts";
import { Auth2Gate } from "../protocol/auth2-gate.ts";
import type { Clock } from "../runtime/clock.ts";
import { createHttpClient } from "../runtime/http-client.ts";
import type { HttpServer } from "../runtime/http-server.ts";
import type { Logger } from "../runtime/logger.ts";
import { drainAll, exposition, operatorPages, startOperatorListener } from "../runtime/operator-listener.ts";
import { processMetrics } from "../runtime/process-metrics.ts";
import { ReleaseStack } from "../runtime/release-stack.ts";
import { type ServiceControl, startServiceListener } from "../runtime/service-listener.ts";
import { traceCalls } from "../runtime/traced-http.ts";
import { Announcement } from "./announcement.ts";
import { ConsensusDesk } from "./consensus/consensus-desk.ts";
import { ConsensusExchange } from "./consensus/consensus-exchange.ts";
import { consensusRoutes } from "./consensus/routes.ts";
import { groundTruthPath, openGroundTruth } from "./ground-truth/open-ground-truth.ts";
import { ReplicationKeeper, type SweepReport } from "./replication/replication-keeper.ts";
import { openReplicationStore } from "./replication/store/replication-store.ts";
import { type RoundOutcome, RoundRunner } from "./round-runner.ts";
import { openValidatorStore } from "./store/validator-store.ts";
import { createValidatorApp } from "./validator-app.ts";
import type { ValidatorConfig } from "./validator-config.ts";
import type { ValidatorContext, ValidatorExtension, ValidatorServices } from "./validator-context.ts";
import { ValidatorMetrics } from "./validator-metrics.ts";

export interface StartValidatorDeps {
  /** Not closed by the validator. Must be able to sign for the hotkey in `folder`. */
  readonly chain: ChainClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Adds routes and a relay. What it opens it closes itself, after the validator. */
  readonly extend?: (context: ValidatorContext) => ValidatorExtension | Promise<ValidatorExtension>;
}

export interface RunningValidator extends AsyncDisposable, ServiceControl {
  readonly hotkey: Hotkey;
  /** Where it listens. */
  readonly url: string;
  /** Where the chain says it is. */
  readonly endpoint: string;
  /** Where the operator's listener is, if there is one. */
  readonly operatorUrl: string | undefined;
  /** Looks for a round to bring on now, as every new block does. */
  runRound(): Promise<RoundOutcome>;
  /** Looks after the copies of public records now, as it does every two minutes. */
  runRepair(): Promise<SweepReport>;
}

const RETRY_MS = 2_000;

/** The validator's hotkey lies in its folder, never in the memory wallet's. */
export function validatorIdentityFolder(folder: string): string {
  return join(folder, "identity");
}

/**
 * `engram validator`: measures miners, agrees with other validators and sets weights, round after round. Errors:
 * `CHAIN_LOCAL_REFUSED`, `HTTP_LISTEN`, `TLS_UNREADABLE`, and those of the folder's wallet and store. Disposing ends the round at hand
 * where it is; the next start goes on with it.
 */
export async function startValidator(
  folder: string,
  config: ValidatorConfig,
  deps: StartValidatorDeps,
): Promise<RunningValidator> {
  const { chain, clock, logger } = deps;
  const isLocal = (await chain.identity()).startsWith("local:");
  if (isLocal) refuseOutside(config);
  const [identity, sr25519] = await Promise.all([openWallet(validatorIdentityFolder(folder)), loadSr25519()]);
  await using stack = new ReleaseStack();
  const store = stack.use(openValidatorStore(join(folder, "validator.db")));
  const copies = stack.use(openReplicationStore(join(folder, "replication.db")));
  const stopping = new AbortController();
  const { signal } = stopping;
  const trusted = config.options.peers.map(({ url }) => url);
  const http = traceCalls(createHttpClient(createNodeFetch({ isSimulated: isLocal, trusted })));
  const groundTruth = await openGroundTruth(groundTruthPath(folder, config), config.options, logger);
  const { options } = config;
  const metrics = new ValidatorMetrics({ records: () => replication.health() });
  const shared = { ...deps, options, store, identity, sr25519, http, groundTruth, metrics, signal };
  const replication = new ReplicationKeeper({ ...shared, copies });
  const services: ValidatorServices = { ...shared, replication };
  // The port is known only once it is taken: early requests wait for the app.
  const app = Promise.withResolvers<Hono>();
  let serves = false;
  const handler = async (request: Request) => (await app.promise).fetch(request);
  const server = stack.use(await startServiceListener({ ...config, logger, isReady: () => serves, handler }));
  metrics.join(processMetrics(folder), chainMetrics(chain));
  const pages = operatorPages(config.adminHost, { metrics: () => exposition(metrics), health: handler });
  const operator = await startOperatorListener({ ...config, handler: pages, isReady: () => serves, logger });
  if (operator) stack.use(operator);
  const endpoint = endpointOf(config, server);
  const desk = new ConsensusDesk(services);
  const gate = new Auth2Gate({ identity, sr25519, clock, isPermitted: (hotkey) => desk.hadVoice(hotkey) });
  const ownScores = async (roundId: number) => {
    const round = await store.call("round", { roundId });
    return round && { scores: round.measured, ...(round.challenges ? { challenges: round.challenges } : {}) };
  };
  const { routes, relay } = (await deps.extend?.({ identity, sr25519, metrics, gate, http, signal, ownScores })) ?? {};
  app.resolve(createValidatorApp({ services, routes: [consensusRoutes({ desk, gate }), routes] }));
  const { hotkey } = identity;
  if (isLocal) await chain.register(hotkey, hotkey);
  const announcement = new Announcement(services, endpoint);
  await announcement.bring();
  const runner = new RoundRunner(services, new ConsensusExchange(services, desk), relay);
  const looping = [runRounds(services, { runner, desk, announcement }), replication.run()];
  stack.defer(async () => {
    stopping.abort();
    await Promise.all(looping);
    await Promise.all([runner.idle(), replication.idle()]);
  });
  serves = true;
  const release = stack.move();
  const { url, renewCertificate } = server;
  return {
    ...{ hotkey, url, endpoint, operatorUrl: operator?.url, renewCertificate },
    drain: () => drainAll(server, operator),
    runRound: () => runner.run(),
    runRepair: () => replication.sweep(),
    [Symbol.asyncDispose]: () => release[Symbol.asyncDispose](),
  };
}

interface RoundsDeps {
  readonly runner: RoundRunner;
  readonly desk: ConsensusDesk;
  readonly announcement: Announcement;
}

/** Brings the round on at every block, and when others speak. A failure is logged and tried again: it never ends the validator (V-W1). */
async function runRounds(
  { chain, clock, logger, signal }: ValidatorServices,
  { runner, desk, announcement }: RoundsDeps,
): Promise<void> {
  while (!signal.aborted) {
    // Taken before looking, so that what is said in between is not missed.
    const { arrived } = desk;
    const waiting = new AbortController();
    try {
      await announcement.bring();
      const { number } = await chain.head();
      logger.debug({ outcome: await runner.run() }, "looked for a round");
      await Promise.race([chain.waitForBlock(number + 1, AbortSignal.any([signal, waiting.signal])), arrived]);
    } catch (error) {
      if (signal.aborted) return;
      logger.warn({ code: isEngramError(error) ? error.code : "UNKNOWN" }, "a round could not be brought on");
      await clock.sleep(RETRY_MS, signal).catch(() => undefined);
    } finally {
      waiting.abort();
    }
  }
}

/** On a simulated chain anybody is whoever they say: it is for one machine and for trying things out. */
function refuseOutside({ isMainnet, hostname }: ValidatorConfig): void {
  if (!isMainnet && isLoopback(hostname)) return;
  throw new EngramError("CHAIN_LOCAL_REFUSED", "the simulated chain serves this machine alone", {
    fix: isMainnet ? "set ENGRAM_CHAIN to a real chain" : "listen on 127.0.0.1, or set ENGRAM_CHAIN to a real chain",
  });
}

/** Where others reach the validator, as far as it was told. */
function endpointOf({ publicUrl, externalHost: host, tls }: ValidatorConfig, { url, port }: HttpServer): string {
  if (publicUrl !== undefined) return publicUrl;
  if (host === undefined) return url;
  return `${tls ? "https" : "http"}://${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
