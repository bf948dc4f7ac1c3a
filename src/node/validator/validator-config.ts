import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import { type Hotkey, isHotkey } from "../../crypto/ss58.ts";
import { networkOf } from "../chain/subtensor/networks.ts";
import { type Environment, parseVariables } from "../runtime/config.ts";
import { publicUrl, type ServiceConfig, serviceConfig, serviceVariables } from "../runtime/config-service.ts";
import { SLASH_BLOCKS } from "./slashing.ts";

const count = z.coerce.number("must be a number").int("must be a whole number");

/** Another validator and where it is reached. */
interface ConfiguredPeer {
  readonly hotkey: Hotkey;
  readonly url: string;
}

const peers = z.string().transform((text, context): readonly ConfiguredPeer[] => {
  const found = text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "")
    .map((entry) => {
      const [hotkey = "", url = ""] = entry.split("@", 2);
      return isHotkey(hotkey) && /^https?:\/\/[^/?#]+$/.test(url) && URL.canParse(url) ? { hotkey, url } : null;
    });
  const valid = found.filter((peer) => peer !== null);
  if (valid.length < found.length) {
    context.addIssue({ code: "custom", message: "must be HOTKEY@http://host:port, separated by commas" });
  }
  return valid;
});

/** The validator's variables; names of the reference where it has one (spec 2.1). */
const validatorVariables = serviceVariables.extend({
  ENGRAM_CHAIN: z.string().optional(),
  ENGRAM_VALIDATOR_HOST: z.string().default("127.0.0.1"),
  VALIDATOR_PORT: count.min(0).max(65_535).default(8092),
  EXTERNAL_IP: z.string().optional(),
  ENGRAM_VALIDATOR_URL: publicUrl.optional(),
  EMBEDDING_DIM: count.min(2).max(8_192).default(512),
  CONSENSUS_MIN_VALIDATORS: count.min(0).max(1_024).default(0),
  CONSENSUS_MIN_STAKE_TAO: z.coerce.number("must be a number").min(0).default(0),
  RELAY_RANKING_AFTER: z.enum(["reveal", "set"], "must be reveal or set").default("reveal"),
  NETUID: count.min(0).max(65_535).default(450),
  VALIDATOR_PEERS: peers.default([]),
  GROUND_TRUTH_PATH: z.string().min(1).optional(),
  SLASH_COOLDOWN_BLOCKS: count.min(1).max(10_000_000).default(SLASH_BLOCKS),
});

export interface ValidatorOptions {
  /** Dimensions of the vectors that the subnet's miners take. */
  readonly embeddingDim: number;
  /** So many other validators must agree before a round is relayed; 0 is content with one's own scores. */
  readonly minAgreeing: number;
  /** What a validator must have staked to have a voice, beside its permit. */
  readonly minStakeTao: number;
  /** The subnet: what is said of one counts for no other. */
  readonly netuid: number;
  /** Rankings are relayed once their weights were read back, or already once these are in a final block. */
  readonly rankingAfter: "reveal" | "set";
  /** Beside those whose address is on the chain. */
  readonly peers: readonly ConfiguredPeer[];
  /** How long a round waits for the others; they are asked again at the next block. */
  readonly agreementWaitMs: number;
  /** How long a slashed miner gets no weight. */
  readonly slashCooldownBlocks: number;
}

export interface ValidatorConfig extends ServiceConfig {
  /** `ENGRAM_CHAIN`. */
  readonly chain: string;
  readonly isMainnet: boolean;
  readonly hostname: string;
  readonly port: number;
  /** The address others reach this machine at; the listener's own when not given. */
  readonly externalHost: string | undefined;
  /** Where others reach it behind a proxy; wins over `externalHost`. */
  readonly publicUrl: string | undefined;
  /** `GROUND_TRUTH_PATH`; undefined: `ground_truth.jsonl` in the validator's folder. */
  readonly groundTruthPath: string | undefined;
  readonly options: ValidatorOptions;
}

/** What a command's options put over the variables. */
export interface ValidatorOverrides {
  readonly host?: string;
  readonly port?: number;
}

const AGREEMENT_WAIT_MS = 10_000;

/** Throws `CONFIG_INVALID`, also without `ENGRAM_CHAIN`: a validator never chooses a chain by itself. */
export function readValidatorConfig(environment: Environment, overrides: ValidatorOverrides = {}): ValidatorConfig {
  const variables = parseVariables(validatorVariables, environment);
  if (variables.ENGRAM_CHAIN === undefined) {
    throw new EngramError("CONFIG_INVALID", "a validator must be told its chain", {
      fix: "set ENGRAM_CHAIN=local for a simulated chain on this machine",
    });
  }
  return {
    ...serviceConfig(variables),
    chain: variables.ENGRAM_CHAIN,
    isMainnet: variables.ENGRAM_ENV === "mainnet",
    hostname: overrides.host ?? variables.ENGRAM_VALIDATOR_HOST,
    port: overrides.port ?? variables.VALIDATOR_PORT,
    externalHost: variables.EXTERNAL_IP,
    publicUrl: variables.ENGRAM_VALIDATOR_URL,
    groundTruthPath: variables.GROUND_TRUTH_PATH,
    options: {
      embeddingDim: variables.EMBEDDING_DIM,
      minAgreeing: variables.CONSENSUS_MIN_VALIDATORS,
      minStakeTao: variables.CONSENSUS_MIN_STAKE_TAO,
      netuid: networkOf(variables.ENGRAM_CHAIN)?.netuid ?? variables.NETUID,
      rankingAfter: variables.RELAY_RANKING_AFTER,
      peers: variables.VALIDATOR_PEERS,
      agreementWaitMs: AGREEMENT_WAIT_MS,
      slashCooldownBlocks: variables.SLASH_COOLDOWN_BLOCKS,
    },
  };
}
