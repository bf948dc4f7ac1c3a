import { z } from "zod";
import { EngramError } from "../../../crypto/errors.ts";
import type { CountedEpochs, KeptEpochs } from "../../../crypto/reveal-round.ts";
import type { Hotkey } from "../../../crypto/ss58.ts";
import { invalid, toWeightRow } from "../local/weight-row.ts";
import { wholeNumber } from "./axon.ts";
import type { ChainReader, StateAt } from "./chain-reader.ts";
import { type Hyperparameters, readHyperparameters } from "./hyperparameters.ts";
import { ChainRefusal } from "./refusals.ts";
import { parse } from "./subnet-state.ts";

/** Milliseconds between two blocks of the public networks. */
export const BLOCK_MS = 12_000;
const MAX_WEIGHT = 65_535;
/** Seconds by which a chain's own clock may differ from this machine's and still be the better one. */
const MAX_SKEW_MS = 120_000;

const count = wholeNumber.transform(Number);

/** All that decides about a row of weights, as of one block. */
export interface WeightsPlan {
  readonly uid: number;
  readonly row: readonly (readonly [uid: number, weight: number])[];
  readonly parameters: Hyperparameters;
  readonly epochs: CountedEpochs | KeptEpochs;
  /** Unix milliseconds of the block. */
  readonly now: number;
}

/**
 * Checks a row of weights as the chain would, against one block's state: a commit is checked only when it is revealed,
 * and dropped in silence then. Errors: `CHAIN_WEIGHTS_INVALID`, `CHAIN_NOT_REGISTERED`, `CHAIN_NO_PERMIT`,
 * `CHAIN_RATE_LIMIT`, those of `ChainReader`.
 */
export async function planWeights(
  reader: ChainReader,
  state: StateAt,
  { netuid, hotkey, weights, now }: PlanInput,
): Promise<WeightsPlan> {
  const row = toWeightRow([...weights]);
  const parameters = await readHyperparameters(reader, state, netuid);
  const facts = await readFacts(reader, state, netuid, hotkey);
  const { uid, neurons } = facts;
  if (uid === null) throw new ChainRefusal("HotKeyNotRegisteredInSubNet");
  const isSelf = row.length === 1 && row[0]?.[0] === uid;
  if (facts.permits[uid] !== true && !isSelf && facts.owner !== hotkey) {
    throw new ChainRefusal("NeuronNoValidatorPermit");
  }
  checkRate(state.block.number, facts.lastUpdate[uid] ?? 0, parameters.weightsRateLimit);
  if (row.some(([target]) => target >= neurons)) throw invalid("names a uid that is not registered");
  if (!isSelf) checkShape(row, neurons, parameters);
  return { uid, row, parameters, epochs: epochsOf(netuid, parameters, facts), now: blockTime(facts.timestamp, now) };
}

interface PlanInput {
  readonly netuid: number;
  readonly hotkey: Hotkey;
  readonly weights: ReadonlyMap<number, number>;
  /** This machine's clock, in unix milliseconds. */
  readonly now: number;
}

const factsSchema = z.object({
  uid: z.number().int().nullable(),
  neurons: z.number().int(),
  permits: z.array(z.boolean()),
  lastUpdate: z.array(count),
  owner: z.string().default(""),
  timestamp: count,
  lastEpochBlock: count.optional(),
  pendingEpochAt: count.optional(),
  blocksSinceLastStep: count.default(0),
});
type Facts = z.output<typeof factsSchema>;

async function readFacts(reader: ChainReader, state: StateAt, netuid: number, hotkey: Hotkey): Promise<Facts> {
  const [uid, neurons, permits, lastUpdate, owner, timestamp, lastEpochBlock, pendingEpochAt, blocksSinceLastStep] =
    await reader.read(state, [
      ["subtensorModule.uids", netuid, hotkey],
      ["subtensorModule.subnetworkN", netuid],
      ["subtensorModule.validatorPermit", netuid],
      ["subtensorModule.lastUpdate", netuid],
      ["subtensorModule.subnetOwnerHotkey", netuid],
      ["timestamp.now"],
      ["subtensorModule.lastEpochBlock", netuid],
      ["subtensorModule.pendingEpochAt", netuid],
      ["subtensorModule.blocksSinceLastStep", netuid],
    ]);
  return parse(factsSchema, {
    ...{ uid, neurons, permits, lastUpdate, owner, timestamp, lastEpochBlock, pendingEpochAt, blocksSinceLastStep },
  });
}

/** Against the head: a row that the next block might just take waits one block more. */
function checkRate(head: number, last: number, interval: number): void {
  const wait = last === 0 ? 0 : last + interval - head;
  if (wait <= 0) return;
  throw new EngramError("CHAIN_RATE_LIMIT", `weights may be set once in ${interval} blocks`, {
    fix: `wait ${wait} more ${wait === 1 ? "block" : "blocks"}`,
    retryAfterMs: wait * BLOCK_MS,
  });
}

function checkShape(row: WeightsPlan["row"], neurons: number, parameters: Hyperparameters): void {
  const fewest = Math.min(parameters.minAllowedWeights, neurons);
  if (row.length < fewest) throw invalid(`names ${row.length} uids where the subnet asks for ${fewest} at least`);
  const sum = row.reduce((total, [, weight]) => total + weight, 0);
  const share = MAX_WEIGHT / sum;
  if (parameters.maxWeightsLimit < MAX_WEIGHT && share * MAX_WEIGHT > parameters.maxWeightsLimit) {
    throw invalid(`gives one uid more than ${parameters.maxWeightsLimit} of ${MAX_WEIGHT}, the subnet's limit`);
  }
}

/** Newer runtimes keep account of their epochs; on the others the block number decides. */
function epochsOf(netuid: number, { tempo }: Hyperparameters, facts: Facts): CountedEpochs | KeptEpochs {
  const { lastEpochBlock, pendingEpochAt = 0, blocksSinceLastStep } = facts;
  if (lastEpochBlock === undefined) return { kind: "counted", netuid, tempo };
  return { kind: "kept", tempo, lastEpochBlock, pendingEpochAt, blocksSinceLastStep };
}

/** The chain's own time decides when an epoch comes; a chain far from real time has none that drand knows. */
function blockTime(timestamp: number, now: number): number {
  return Math.abs(timestamp - now) <= MAX_SKEW_MS ? timestamp : now;
}
