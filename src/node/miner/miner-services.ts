import type { Sr25519 } from "../../crypto/sr25519.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import type { EmbeddingProfile, VectorStore } from "../ports.ts";
import { Auth2Gate } from "../protocol/auth2-gate.ts";
import { ARCHIVE_CAPABILITY } from "../protocol/capabilities.ts";
import { ADDRESS_RATE_FACTOR, MAX_RATE_KEYS, VERIFIED_RATE_FACTOR } from "../protocol/limits.ts";
import type { Clock } from "../runtime/clock.ts";
import { verifierHere } from "../runtime/signature-pool.ts";
import type { NamespaceRegistry } from "../vectors/embedded/namespace-registry.ts";
import type { AdminPolicy } from "./admin-access.ts";
import type { MinerArchive } from "./archive/miner-archive.ts";
import { Attester } from "./attester.ts";
import { ChainView } from "./chain-view.ts";
import { Committer } from "./committer.ts";
import type { CopyKeeper } from "./copies/record-pusher.ts";
import { Deleter } from "./deleter.ts";
import { GrantGate } from "./grant-gate.ts";
import { HealthStatement } from "./health-statement.ts";
import { Ingester } from "./ingester.ts";
import { MinerMetrics } from "./miner-metrics.ts";
import type { MinerDeps, MinerOptions } from "./miner-options.ts";
import { MinerStats } from "./miner-stats.ts";
import { NamespaceGate } from "./namespace-gate.ts";
import { NamespaceKeys } from "./namespace-keys.ts";
import { Querier } from "./querier.ts";
import { RateLimiter } from "./rate-limiter.ts";
import { RequestAuthenticator } from "./request-authenticator.ts";
import { RequestsAtOnce } from "./requests-at-once.ts";
import { ShareKeeper } from "./shares/share-keeper.ts";
import { WalletTracker } from "./wallet-tracker.ts";

/** What the routes work with. */
export interface MinerServices {
  /** The miner's own. */
  readonly hotkey: Hotkey;
  readonly store: VectorStore;
  readonly namespaces: NamespaceRegistry;
  readonly profile: EmbeddingProfile;
  readonly clock: Clock;
  readonly authenticator: RequestAuthenticator;
  /** For calls by headers; `authenticator` is for signatures inside bodies. */
  readonly auth2: Auth2Gate;
  readonly namespaceGate: NamespaceGate;
  /** For readers of namespaces that others own. */
  readonly grants: GrantGate;
  /** Of the old scheme. */
  readonly namespaceKeys: NamespaceKeys;
  readonly attester: Attester;
  readonly sr25519: Sr25519;
  readonly adminPolicy: AdminPolicy;
  readonly chainView: ChainView;
  /** What a hotkey that asks for archiving must have staked; 0 asks nobody. */
  readonly archiveStakeTao: number;
  readonly shareKeeper: ShareKeeper;
  readonly ingester: Ingester;
  readonly querier: Querier;
  readonly deleter: Deleter;
  readonly archive: MinerArchive | undefined;
  readonly copies: CopyKeeper | undefined;
  readonly committer: Committer;
  readonly stats: MinerStats;
  readonly metrics: MinerMetrics;
  readonly wallets: WalletTracker;
  readonly atOnce: RequestsAtOnce;
  /** The text of the OpenAPI document. */
  readonly openApi: () => Promise<string>;
  readonly health: HealthStatement;
  readonly limiters: {
    /** Every request of an address, before anything is looked at. */
    readonly address: RateLimiter;
    readonly anonymous: RateLimiter;
    readonly verified: RateLimiter;
  };
}

export function createMinerServices(options: MinerOptions, deps: MinerDeps): MinerServices {
  const { store, clock, embedder, identity } = deps;
  const chainView = deps.chainView ?? new ChainView(deps);
  const signatures = deps.signatures ?? verifierHere(deps.sr25519);
  const namespaceKeys = new NamespaceKeys(deps);
  const namespaceGate = new NamespaceGate({ ...deps, namespaceKeys });
  const attester = new Attester({ ...deps, chainView, namespaceGate });
  const atOnce = new RequestsAtOnce(options.atOnce);
  const stats = new MinerStats({ store, clock, chainView, hotkey: identity.hotkey });
  const limiter = (factor: number) =>
    new RateLimiter({
      maxRequests: options.rateLimit * factor,
      windowMs: options.rateWindowSeconds * 1000,
      maxKeys: MAX_RATE_KEYS,
    });
  return {
    hotkey: identity.hotkey,
    store,
    namespaces: deps.namespaces,
    profile: embedder.profile,
    clock,
    authenticator: new RequestAuthenticator(options, { ...deps, chainView, signatures }),
    auth2: new Auth2Gate(deps),
    namespaceGate,
    grants: new GrantGate(deps),
    namespaceKeys,
    attester,
    sr25519: deps.sr25519,
    adminPolicy: options,
    chainView,
    archiveStakeTao: options.minIngestStakeTao,
    shareKeeper: new ShareKeeper({ ...deps, namespaceGate }),
    ingester: new Ingester(options, { ...deps, chainView, namespaceGate }),
    querier: new Querier({ ...deps, namespaceGate, attester }),
    deleter: new Deleter(deps),
    archive: deps.archive,
    copies: deps.copies,
    committer: new Committer(deps),
    stats,
    metrics: minerMetrics(deps, stats, atOnce),
    wallets: new WalletTracker(),
    atOnce,
    openApi: openApiOf(options, deps),
    health: new HealthStatement(options, deps),
    limiters: { address: limiter(ADDRESS_RATE_FACTOR), anonymous: limiter(1), verified: limiter(VERIFIED_RATE_FACTOR) },
  };
}

/** Made once, when it is first asked for: what makes it takes longer to load than the miner to start. */
function openApiOf({ endpoint }: MinerOptions, { archive }: MinerDeps): () => Promise<string> {
  let text: Promise<string> | undefined;
  const make = async () => {
    const { openApiDocument } = await import("../protocol/openapi.ts");
    const caps = archive ? [ARCHIVE_CAPABILITY] : [];
    return JSON.stringify(openApiDocument(endpoint === "in-process" ? "/" : endpoint, caps));
  };
  return () => {
    text ??= make();
    return text;
  };
}

function minerMetrics({ store, copies, metrics: others = [] }: MinerDeps, stats: MinerStats, atOnce: RequestsAtOnce) {
  const metrics = new MinerMetrics({
    vectors: () => stats.vectors(),
    peers: () => stats.peers(),
    proofRate: () => stats.proofRate(),
    score: () => stats.score(),
    storeWaiting: () => store.waiting ?? null,
    copiesWaiting: async () => (await copies?.waiting()) ?? null,
    requestsAtOnce: () => atOnce.all,
  });
  metrics.join(...others);
  return metrics;
}
