import type { Sr25519 } from "../../crypto/sr25519.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import type { X25519Pair } from "../../crypto/x25519.ts";
import type { ChainClient, Embedder, VectorStore } from "../ports.ts";
import { DEFAULT_RATE_LIMIT, DEFAULT_RATE_WINDOW_SECONDS } from "../protocol/limits.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import type { MetricSet } from "../runtime/metric-set.ts";
import type { Secret } from "../runtime/secret.ts";
import type { SignatureVerifier } from "../runtime/signature-pool.ts";
import type { NamespaceRegistry } from "../vectors/embedded/namespace-registry.ts";
import type { RecordCommitments } from "../vectors/embedded/record-commitments.ts";
import type { AdminPolicy } from "./admin-access.ts";
import type { MinerArchive } from "./archive/miner-archive.ts";
import type { ChainView } from "./chain-view.ts";
import type { CopyKeeper } from "./copies/record-pusher.ts";
import type { AuthenticationPolicy } from "./request-authenticator.ts";
import type { AtOnceLimits } from "./requests-at-once.ts";
import type { ShareStore } from "./shares/share-store.ts";

export interface MinerOptions extends AuthenticationPolicy, AdminPolicy {
  /** Where the miner is reached, as its capabilities state it. */
  readonly endpoint: string;
  /** Requests per window of one address without a verified signature (spec 9.3). */
  readonly rateLimit: number;
  readonly rateWindowSeconds: number;
  /** A verified hotkey that is registered with less stake may not ingest (spec 8.1); 0 asks nothing. */
  readonly minIngestStakeTao: number;
  /** The reference's noise on private vectors (spec 9.1): obfuscation, off by default. Its `DP_EPSILON`. */
  readonly noiseEpsilon?: number | undefined;
  /** Requests worked on at once; limits.ts has the default. */
  readonly atOnce?: AtOnceLimits;
}

export const defaultMinerOptions: MinerOptions = {
  endpoint: "in-process",
  rateLimit: DEFAULT_RATE_LIMIT,
  rateWindowSeconds: DEFAULT_RATE_WINDOW_SECONDS,
  minIngestStakeTao: 0,
  requireSignatures: false,
  requireRegistration: false,
  allowedHotkeys: null,
  adminToken: null,
  refusePlainKeys: false,
};

/** The miner's own hotkey: never the memory wallet. */
interface MinerIdentity {
  readonly hotkey: Hotkey;
  sign(message: Uint8Array): Uint8Array;
}

export interface MinerDeps {
  readonly store: VectorStore;
  readonly namespaces: NamespaceRegistry;
  readonly commitments: RecordCommitments;
  readonly shares: ShareStore;
  /** What key shares are sealed to on their way here. */
  readonly shareKeys: Secret<X25519Pair>;
  /** Decides the noise on private vectors; without it there is none. */
  readonly noiseKey?: Secret<Uint8Array>;
  readonly embedder: Embedder;
  readonly chain: ChainClient;
  readonly identity: MinerIdentity;
  readonly sr25519: Sr25519;
  /** Undefined: records are not pushed to other miners. */
  readonly copies?: CopyKeeper | undefined;
  /** One of the services' own when absent. */
  readonly chainView?: ChainView | undefined;
  /** Checks the signatures of requests; on the caller's thread when absent. */
  readonly signatures?: SignatureVerifier | undefined;
  /** Absent without a wallet: then nothing is archived or checked. */
  readonly archive?: MinerArchive | undefined;
  /** Shown at `/metrics` with the miner's own. */
  readonly metrics?: readonly MetricSet[];
  readonly clock: Clock;
  readonly logger: Logger;
}
