import type { Hotkey } from "../../crypto/ss58.ts";
import type { EmbeddingProfile, VectorStore } from "../ports.ts";
import { Auth2Gate } from "../protocol/auth2-gate.ts";
import { ADDRESS_RATE_FACTOR, MAX_RATE_KEYS, VERIFIED_RATE_FACTOR } from "../protocol/limits.ts";
import type { Clock } from "../runtime/clock.ts";
import type { NamespaceRegistry } from "../vectors/embedded/namespace-registry.ts";
import { ChainView } from "./chain-view.ts";
import { Committer } from "./committer.ts";
import { Deleter } from "./deleter.ts";
import { HealthStatement } from "./health-statement.ts";
import { Ingester } from "./ingester.ts";
import type { MinerDeps, MinerOptions } from "./miner-options.ts";
import { MinerStats } from "./miner-stats.ts";
import { NamespaceGate } from "./namespace-gate.ts";
import { Querier } from "./querier.ts";
import { RateLimiter } from "./rate-limiter.ts";
import { RequestAuthenticator } from "./request-authenticator.ts";
import { ShareKeeper } from "./shares/share-keeper.ts";

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
  readonly shareKeeper: ShareKeeper;
  readonly ingester: Ingester;
  readonly querier: Querier;
  readonly deleter: Deleter;
  readonly committer: Committer;
  readonly stats: MinerStats;
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
  const chainView = new ChainView(deps);
  const namespaceGate = new NamespaceGate(deps);
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
    authenticator: new RequestAuthenticator(options, { ...deps, chainView }),
    auth2: new Auth2Gate(deps),
    namespaceGate,
    shareKeeper: new ShareKeeper({ ...deps, namespaceGate }),
    ingester: new Ingester(options, { ...deps, chainView, namespaceGate }),
    querier: new Querier({ ...deps, namespaceGate }),
    deleter: new Deleter(deps),
    committer: new Committer(deps),
    stats: new MinerStats({ store, clock, chainView, hotkey: identity.hotkey }),
    health: new HealthStatement(options, deps),
    limiters: { address: limiter(ADDRESS_RATE_FACTOR), anonymous: limiter(1), verified: limiter(VERIFIED_RATE_FACTOR) },
  };
}
