import PQueue from "p-queue";
import { Auth2Caller } from "../protocol/auth2-caller.ts";
import { PossessionCaller } from "../protocol/possession-caller.ts";
import { type CanaryGroup, newCanaryGroup } from "./canaries.ts";
import type { ChallengeDeps } from "./challenge-miner.ts";
import type { GroundTruthEntry } from "./ground-truth/entry.ts";
import type { GroundTruthSet } from "./ground-truth/ground-truth-set.ts";
import { sample } from "./sampling.ts";
import {
  type CallableMiner,
  type Measurement,
  prepareVisit,
  type Query,
  timeVisit,
  type VisitPlan,
} from "./visit-miner.ts";

export interface MeasureDeps extends Omit<ChallengeDeps, "possession"> {
  readonly embeddingDim: number;
  readonly groundTruth: GroundTruthSet;
}

/** Queries and challenges to each miner in a round (spec 3.4). */
export const SAMPLES = 5;
/** So many of them are about records of the ground truth, where the miner is known to hold any; canaries the others. */
const OF_GROUND_TRUTH = 2;
const TRIALS = 1;
/** Placing and proving: dead miners hold up nobody (V-W15). */
const PREPARED_AT_ONCE = 128;
/** Timed: as few as leave this machine's own queues out of what is measured. */
export const TIMED_AT_ONCE = 32;
/** Canaries that end sooner are left alone: a miner whose clock is ahead must not look like a liar. */
const SPARE_MS = 30 * 60_000;

/**
 * Measures all miners: first this round's canaries are placed and records challenged at many of them at once; what is
 * timed comes after that, when nothing else runs.
 */
export async function measureMiners(
  measureDeps: MeasureDeps,
  miners: readonly CallableMiner[],
): Promise<readonly Measurement[]> {
  const { identity, clock, store, groundTruth } = measureDeps;
  const groups = await canariesOfRound(measureDeps);
  // One caller for all: a miner takes no nonce twice.
  const caller = new Auth2Caller({ ...measureDeps, signer: identity });
  const deps = { ...measureDeps, possession: new PossessionCaller({ caller, hotkey: identity.hotkey, clock }) };
  const assigned = groundTruth.assignments(miners);
  const visits = await each(miners, PREPARED_AT_ONCE, async (miner) => {
    const held = groundTruth.size === 0 ? [] : await store.call("heldBy", { miner: miner.hotkey });
    return await prepareVisit(deps, miner, planOf(groups, groundTruth, held, assigned.get(miner.hotkey) ?? []));
  });
  const measured = await each(visits, TIMED_AT_ONCE, (visit) => timeVisit(deps, visit));
  await keepFound(deps, measured);
  return measured;
}

function planOf(
  groups: readonly CanaryGroup[],
  groundTruth: GroundTruthSet,
  heldCids: readonly string[],
  assigned: readonly GroundTruthEntry[],
): VisitPlan {
  const known = new Set(heldCids);
  const held = groundTruth.pick(known, OF_GROUND_TRUTH);
  const queries = held.map(({ embedding, cid, topK }) => ({
    vector: embedding,
    // Not what others hold (V-W9). Of some of the nearest nobody knows whether a stranger's record is nearer still.
    truth: topK.length > 0 && topK.every((near) => known.has(near)) ? topK : [cid],
  }));
  const ofCanaries = sample(groups, SAMPLES - queries.length).map(queryOf);
  return {
    groups,
    held,
    canaries: sample(
      groups.flatMap(({ members }) => members),
      SAMPLES - held.length,
    ),
    trials: sample(
      assigned.filter(({ cid }) => !known.has(cid)),
      TRIALS,
    ),
    queries: sample([...queries, ...ofCanaries], SAMPLES),
  };
}

function queryOf({ centre, members }: CanaryGroup): Query {
  return { vector: centre, truth: members.map(({ cid }) => cid) };
}

/** What a miner once proved to hold it answers for from then on, also when it loses it. */
async function keepFound({ store }: ChallengeDeps, measured: readonly Measurement[]): Promise<void> {
  for (const { hotkey, copies } of measured) {
    const cids = copies.flatMap(({ cid, isHeld }) => (isHeld ? [cid] : []));
    if (cids.length > 0) await store.call("hold", { miner: hotkey, cids });
  }
}

/** At least one group is new each round; the others are drawn from those that were placed in earlier rounds. */
async function canariesOfRound({ store, embeddingDim, clock }: MeasureDeps): Promise<readonly CanaryGroup[]> {
  const now = clock.now();
  const earlier = sample(await store.call("canaryGroups", { outlive: now + SPARE_MS }), SAMPLES - 1);
  const fresh = Array.from({ length: SAMPLES - earlier.length }, () => newCanaryGroup(embeddingDim, now));
  await store.call("addCanaries", { groups: fresh, now });
  return [...earlier, ...fresh];
}

/** Results in the order of `items`, of which `concurrency` are worked on at once. */
async function each<T, R>(items: readonly T[], concurrency: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const queue = new PQueue({ concurrency });
  return await queue.addAll(items.map((item) => () => work(item)));
}
