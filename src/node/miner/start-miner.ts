import { isIPv6 } from "node:net";
import { join } from "node:path";
import { EngramError } from "../../crypto/errors.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import { chainMetrics } from "../chain/chain-metrics.ts";
import { isLoopback } from "../chain/loopback.ts";
import { createNodeFetch } from "../chain/node-address.ts";
import type { ChainClient, Embedder } from "../ports.ts";
import type { Clock } from "../runtime/clock.ts";
import { createHttpClient } from "../runtime/http-client.ts";
import type { HttpHandler, HttpServer } from "../runtime/http-server.ts";
import type { Logger } from "../runtime/logger.ts";
import { drainAll, isOnThisMachine, operatorPages, startOperatorListener } from "../runtime/operator-listener.ts";
import { processMetrics } from "../runtime/process-metrics.ts";
import { ReleaseStack } from "../runtime/release-stack.ts";
import { type ServiceControl, startServiceListener } from "../runtime/service-listener.ts";
import { SignaturePool } from "../runtime/signature-pool.ts";
import { openMinerArchive } from "./archive/miner-archive.ts";
import { ChainView } from "./chain-view.ts";
import { openCopyStore } from "./copies/copy-store.ts";
import { RecordPusher, type RecordPusherDeps } from "./copies/record-pusher.ts";
import { startExpiryLoop } from "./expiry-loop.ts";
import { createMinerApp, type MinerApp } from "./miner-app.ts";
import type { MinerConfig } from "./miner-config.ts";
import { openMinerFolder } from "./miner-folder.ts";
import { keepProfile } from "./miner-profile.ts";
import { openRecordStore } from "./record-store.ts";

export interface StartMinerDeps {
  /** Not closed by the miner. */
  readonly embedder: Embedder;
  /** Not closed by the miner. */
  readonly chain: ChainClient;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface RunningMiner extends AsyncDisposable, ServiceControl {
  readonly hotkey: Hotkey;
  /** Where it listens. */
  readonly url: string;
  /** Where the chain says it is. */
  readonly endpoint: string;
  /** Where the operator's listener is, if there is one. */
  readonly operatorUrl: string | undefined;
}

/**
 * `engram miner`: serves the records in `folder` over TCP and tells the chain where. Errors: `CHAIN_LOCAL_REFUSED`,
 * `HTTP_LISTEN`, `TLS_UNREADABLE`, and those of the folder's wallet and store. Disposing finishes the requests in
 * flight.
 */
export async function startMiner(folder: string, config: MinerConfig, deps: StartMinerDeps): Promise<RunningMiner> {
  const { chain, logger } = deps;
  const isLocal = (await chain.identity()).startsWith("local:");
  if (isLocal) refuseOutside(config);
  await using stack = new ReleaseStack();
  const storeDeps = { ...deps, dimension: deps.embedder.profile.dim };
  const opened = await openMinerFolder(folder, deps.clock, (path) => openRecordStore(path, config.qdrant, storeDeps));
  stack.use(opened.store);
  await keepProfile(folder, deps.embedder.profile, opened.store);
  stack.use(opened.commitments);
  stack.use(opened.shares);
  const signatures = stack.use(new SignaturePool(opened));
  const archive = await openMinerArchive(folder, config.archive, { ...deps, ...opened });
  if (archive) stack.use(archive);
  const chainView = new ChainView(deps);
  const copies = openPusher(folder, stack, { ...deps, ...opened, chainView, isSimulated: isLocal });
  stack.use(startExpiryLoop({ ...deps, store: opened.store }));
  const { hotkey } = opened.identity;
  // The port is known only once it is taken, and the app signs its address: early requests wait for the app.
  const app = Promise.withResolvers<MinerApp>();
  let serves = false;
  const server = stack.use(
    await startServiceListener({
      ...config,
      logger,
      isReady: () => serves,
      handler: async (request, client) => (await app.promise).fetch(request, client),
    }),
  );
  // What comes over it may use the operator's routes (spec 8.12); from other machines there are figures alone.
  const admin: HttpHandler = async (request, peer) => (await app.promise).fetch(request, { peer, admin: true });
  const own = (path: string) => admin(new Request(`http://127.0.0.1${path}`), "127.0.0.1");
  const figures = { metrics: () => own("/metrics"), health: () => own("/health") };
  const operator = await startOperatorListener({
    ...config,
    logger,
    isReady: () => serves,
    handler: isOnThisMachine(config.adminHost) ? admin : operatorPages(config.adminHost, figures),
  });
  if (operator) stack.use(operator);
  const endpoint = endpointOf(config, server);
  // A simulated chain has no stake to ask for.
  const options = { ...config.options, endpoint, ...(isLocal ? { minIngestStakeTao: 0 } : {}) };
  const metrics = [processMetrics(folder), chainMetrics(chain)];
  app.resolve(createMinerApp(options, { ...deps, ...opened, archive, signatures, chainView, copies, metrics }));
  if (isLocal) await chain.register(hotkey, hotkey);
  if ((await chain.uidOf(hotkey)) === null) logger.warn({ hotkey }, "this hotkey is not registered on the subnet");
  else await chain.serveAxon(hotkey, endpoint);
  serves = true;
  copies.start();
  const release = stack.move();
  const { url, renewCertificate } = server;
  return {
    ...{ hotkey, url, endpoint, operatorUrl: operator?.url, renewCertificate },
    drain: () => drainAll(server, operator),
    [Symbol.asyncDispose]: () => release[Symbol.asyncDispose](),
  };
}

type PusherDeps = Omit<RecordPusherDeps, "copies" | "http" | "model"> & Pick<StartMinerDeps, "embedder">;

/** Started once the miner serves. An embedded miner has none: its client gives every record to the miners itself. */
function openPusher(folder: string, stack: ReleaseStack, deps: PusherDeps): RecordPusher {
  const copies = stack.use(openCopyStore(join(folder, "copies.db")));
  const http = createHttpClient(createNodeFetch(deps));
  return stack.use(new RecordPusher({ ...deps, copies, http, model: deps.embedder.profile.model }));
}

/** On a simulated chain anybody is whoever they say: it is for one machine and for trying things out. */
function refuseOutside({ isMainnet, hostname }: MinerConfig): void {
  if (!isMainnet && isLoopback(hostname)) return;
  throw new EngramError("CHAIN_LOCAL_REFUSED", "the simulated chain serves this machine alone", {
    fix: isMainnet ? "set ENGRAM_CHAIN to a real chain" : "listen on 127.0.0.1, or set ENGRAM_CHAIN to a real chain",
  });
}

/** Where others reach the miner, as far as it was told. */
function endpointOf({ publicUrl, externalHost: host, tls }: MinerConfig, { url, port }: HttpServer): string {
  if (publicUrl !== undefined) return publicUrl;
  if (host === undefined) return url;
  return `${tls ? "https" : "http"}://${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
