import type { Hono } from "hono";
import type { Sr25519 } from "../../crypto/sr25519.ts";
import type { ChainClient, MinerScore, RelayPort } from "../ports.ts";
import type { Auth2Gate } from "../protocol/auth2-gate.ts";
import type { Clock } from "../runtime/clock.ts";
import type { HttpClient } from "../runtime/http-client.ts";
import type { Logger } from "../runtime/logger.ts";
import type { GroundTruthSet } from "./ground-truth/ground-truth-set.ts";
import type { ValidatorIdentity } from "./miner-probe.ts";
import type { ReplicationKeeper } from "./replication/replication-keeper.ts";
import type { ValidatorStore } from "./store/validator-store.ts";
import type { ValidatorOptions } from "./validator-config.ts";
import type { ValidatorMetrics } from "./validator-metrics.ts";

/** What the parts of a running validator share. */
export interface ValidatorServices {
  readonly options: ValidatorOptions;
  readonly chain: ChainClient;
  readonly store: ValidatorStore;
  readonly identity: ValidatorIdentity;
  readonly sr25519: Sr25519;
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly groundTruth: GroundTruthSet;
  readonly replication: Pick<ReplicationKeeper, "noteChallenges">;
  readonly metrics: ValidatorMetrics;
  /** Aborts when the validator stops. */
  readonly signal: AbortSignal;
}

/** By uid. */
interface MeasuredRound {
  readonly scores: ReadonlyMap<number, MinerScore>;
  /** Challenges behind each proof rate, where they were kept. */
  readonly challenges?: ReadonlyMap<number, number>;
}

/** What an extension is given of the validator. */
export interface ValidatorContext {
  readonly identity: ValidatorIdentity;
  readonly sr25519: Sr25519;
  /** Whatever joins these is shown at the validator's `/metrics`. */
  readonly metrics: ValidatorMetrics;
  /** Authenticates requests to this validator. */
  readonly gate: Auth2Gate;
  /** Calls addresses that the chain names, and inner ones never (V-W7). */
  readonly http: HttpClient;
  /** Aborts when the validator stops. */
  readonly signal: AbortSignal;
  /** What this validator measured itself in a round; null where it has not. */
  ownScores(roundId: number): Promise<MeasuredRound | null>;
}

/** What a composition root adds: routes beside the validator's own, and where finished rounds go. */
export interface ValidatorExtension {
  readonly routes?: Hono;
  readonly relay?: RelayPort;
}

/** Blocks of a round (spec 14.0). */
export const ROUND_BLOCKS = 50;

/** Validators see the same block at different times, but the same round (V-W23). */
export function roundIdOf(block: number): number {
  return Math.floor(block / ROUND_BLOCKS);
}
