import { z } from "zod";
import { wholeNumber } from "./axon.ts";
import type { ChainReader, StateAt, StorageQuery } from "./chain-reader.ts";
import { noSubnet, parse, taoOf } from "./subnet-state.ts";

const LARGEST = BigInt(Number.MAX_SAFE_INTEGER);
const safe = wholeNumber.transform((n) => Number(n > LARGEST ? LARGEST : n));

/** What the subnet's owner decided, as of a block. */
export interface Hyperparameters {
  /** Blocks between two epochs. */
  readonly tempo: number;
  readonly commitReveal: boolean;
  /** Epochs from a commit to its reveal. */
  readonly revealPeriod: number;
  /** What `commit_timelocked_weights` has to name; null where the runtime has no such thing. */
  readonly commitRevealVersion: number | null;
  /** Blocks between two rows of weights. */
  readonly weightsRateLimit: number;
  readonly weightsVersion: bigint;
  readonly minAllowedWeights: number;
  /** The largest share of a row that one uid may have, of 65,535. */
  readonly maxWeightsLimit: number;
  /** Blocks between two changes of an axon. */
  readonly servingRateLimit: number;
  readonly immunityPeriod: number;
  /** What a registration costs now. */
  readonly burnTao: number;
  readonly burnRao: bigint;
  readonly registrationAllowed: boolean;
}

/** Missing items of other runtimes count as their defaults. */
const schema = z.object({
  exists: z.boolean().default(true),
  tempo: safe,
  commitReveal: z.boolean().default(false),
  revealPeriod: safe.default(1),
  commitRevealVersion: safe.nullable().default(null),
  weightsRateLimit: safe.default(0),
  weightsVersion: wholeNumber.default(0n),
  minAllowedWeights: safe.default(1),
  maxWeightsLimit: safe.default(65_535),
  servingRateLimit: safe.default(0),
  immunityPeriod: safe.default(0),
  burn: wholeNumber,
  registrationAllowed: z.boolean().default(true),
});

export async function readHyperparameters(
  reader: ChainReader,
  state: StateAt,
  netuid: number,
): Promise<Hyperparameters> {
  const queries = hyperparameterQueries(netuid);
  const values = await reader.read(state, Object.values(queries));
  const found = Object.fromEntries(Object.keys(queries).map((name, index) => [name, values[index]]));
  const { exists, burn, ...parameters } = parse(schema, found);
  if (!exists) throw noSubnet();
  return { ...parameters, burnRao: burn, burnTao: taoOf(burn) };
}

function hyperparameterQueries(netuid: number): Readonly<Record<keyof z.input<typeof schema>, StorageQuery>> {
  return {
    exists: ["subtensorModule.networksAdded", netuid],
    tempo: ["subtensorModule.tempo", netuid],
    commitReveal: ["subtensorModule.commitRevealWeightsEnabled", netuid],
    revealPeriod: ["subtensorModule.revealPeriodEpochs", netuid],
    commitRevealVersion: ["subtensorModule.commitRevealWeightsVersion"],
    weightsRateLimit: ["subtensorModule.weightsSetRateLimit", netuid],
    weightsVersion: ["subtensorModule.weightsVersionKey", netuid],
    minAllowedWeights: ["subtensorModule.minAllowedWeights", netuid],
    maxWeightsLimit: ["subtensorModule.maxWeightsLimit", netuid],
    servingRateLimit: ["subtensorModule.servingRateLimit", netuid],
    immunityPeriod: ["subtensorModule.immunityPeriod", netuid],
    burn: ["subtensorModule.burn", netuid],
    registrationAllowed: ["subtensorModule.networkRegistrationAllowed", netuid],
  };
}
