import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import { isHotkey } from "../../crypto/ss58.ts";
import { type ArchiveSettings, readArchiveSettings } from "../archive/archive-settings.ts";
import { type EmbeddingSettings, readEmbeddingSettings } from "../embedding/embedding-settings.ts";
import { DEFAULT_RATE_LIMIT, DEFAULT_RATE_WINDOW_SECONDS } from "../protocol/limits.ts";
import { type Environment, flag, parseVariables } from "../runtime/config.ts";
import { publicUrl, type ServiceConfig, serviceConfig, serviceVariables } from "../runtime/config-service.ts";
import { Secret } from "../runtime/secret.ts";
import type { QdrantSettings } from "../vectors/qdrant/qdrant-vector-store.ts";
import type { MinerOptions } from "./miner-options.ts";
import { noiseVariable } from "./noise-variable.ts";
import { qdrantSettings, qdrantVariables } from "./qdrant-variables.ts";

const count = z.coerce.number("must be a number").int("must be a whole number");

const hotkeys = z.string().transform((text, context) => {
  const names = text.split(",").flatMap((name) => name.trim() || []);
  if (!names.every(isHotkey)) context.addIssue({ code: "custom", message: "must be hotkeys separated by commas" });
  return names.length === 0 ? null : new Set<string>(names);
});

/** The miner's variables; names of the reference where it has one (spec 13). */
const minerVariables = serviceVariables.extend({
  ...qdrantVariables.shape,
  ENGRAM_CHAIN: z.string().optional(),
  ENGRAM_MINER_HOST: z.string().default("127.0.0.1"),
  MINER_PORT: count.min(0).max(65_535).default(8091),
  EXTERNAL_IP: z.string().optional(),
  ENGRAM_MINER_URL: publicUrl.optional(),
  MIN_INGEST_STAKE_TAO: z.coerce.number("must be a number").min(0).default(0.001),
  RATE_LIMIT_MAX_REQUESTS: count.min(1).max(1_000_000).default(DEFAULT_RATE_LIMIT),
  RATE_LIMIT_WINDOW_SECS: count.min(1).max(3_600).default(DEFAULT_RATE_WINDOW_SECONDS),
  REQUIRE_HOTKEY_SIG: flag.optional(),
  REQUIRE_METAGRAPH_REG: flag.default(false),
  ALLOWED_VALIDATOR_HOTKEYS: hotkeys.default(null),
  DP_EPSILON: noiseVariable,
  ENGRAM_ADMIN_TOKEN: z.string().min(32, "must have at least 32 characters").optional(),
  ENGRAM_EMBED_THREADS: count.min(1).max(16).default(1),
});

export interface MinerConfig extends ServiceConfig {
  /** `ENGRAM_CHAIN`. */
  readonly chain: string;
  readonly isMainnet: boolean;
  readonly hostname: string;
  readonly port: number;
  /** The address others reach this machine at; the listener's own when not given. */
  readonly externalHost: string | undefined;
  /** Where others reach it behind a proxy; wins over `externalHost`. */
  readonly publicUrl: string | undefined;
  /** Undefined: records are searched in memory. */
  readonly qdrant: QdrantSettings | undefined;
  /** Without a key nothing is archived. */
  readonly archive: ArchiveSettings;
  readonly embedding: EmbeddingSettings;
  readonly embedThreads: number;
  readonly options: Omit<MinerOptions, "endpoint">;
}

/** What a command's options put over the variables. */
export interface MinerOverrides {
  readonly host?: string;
  readonly port?: number;
}

/** Throws `CONFIG_INVALID`, also without `ENGRAM_CHAIN`: a miner never chooses a chain by itself. */
export function readMinerConfig(environment: Environment, overrides: MinerOverrides = {}): MinerConfig {
  const variables = parseVariables(minerVariables, environment);
  const isMainnet = variables.ENGRAM_ENV === "mainnet";
  if (variables.ENGRAM_CHAIN === undefined) {
    throw new EngramError("CONFIG_INVALID", "a miner must be told its chain", {
      fix: "set ENGRAM_CHAIN=local for a simulated chain on this machine",
    });
  }
  if (isMainnet && variables.REQUIRE_HOTKEY_SIG === false) {
    throw new EngramError("CONFIG_INVALID", "ENGRAM_ENV=mainnet requires signatures everywhere", {
      fix: "remove REQUIRE_HOTKEY_SIG, or ENGRAM_ENV",
    });
  }
  return {
    ...serviceConfig(variables),
    chain: variables.ENGRAM_CHAIN,
    isMainnet,
    hostname: overrides.host ?? variables.ENGRAM_MINER_HOST,
    port: overrides.port ?? variables.MINER_PORT,
    externalHost: variables.EXTERNAL_IP,
    publicUrl: variables.ENGRAM_MINER_URL,
    qdrant: qdrantSettings(variables),
    archive: readArchiveSettings(environment),
    embedding: readEmbeddingSettings(environment),
    embedThreads: variables.ENGRAM_EMBED_THREADS,
    options: {
      rateLimit: variables.RATE_LIMIT_MAX_REQUESTS,
      rateWindowSeconds: variables.RATE_LIMIT_WINDOW_SECS,
      // The reference's soft mode remains for public reads and writes; deletes and namespaces need a proof always.
      requireSignatures: isMainnet || variables.REQUIRE_HOTKEY_SIG === true,
      requireRegistration: variables.REQUIRE_METAGRAPH_REG,
      allowedHotkeys: variables.ALLOWED_VALIDATOR_HOTKEYS,
      minIngestStakeTao: variables.MIN_INGEST_STAKE_TAO,
      noiseEpsilon: variables.DP_EPSILON,
      adminToken: variables.ENGRAM_ADMIN_TOKEN === undefined ? null : new Secret(variables.ENGRAM_ADMIN_TOKEN),
      refusePlainKeys: isMainnet,
    },
  };
}
