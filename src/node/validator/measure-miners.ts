import { randomInt } from "node:crypto";
import PQueue from "p-queue";
import type { Hotkey } from "../../crypto/ss58.ts";
import type { Neuron } from "../ports.ts";
import { Auth2Caller } from "../protocol/auth2-caller.ts";
import { PossessionCaller } from "../protocol/possession-caller.ts";
import { type Canary, type CanaryGroup, newCanaryGroup } from "./canaries.ts";
import { type ChallengeDeps, challengeMiner } from "./challenge-miner.ts";
import { CALL_MS, MinerProbe, type QueryAnswer } from "./miner-probe.ts";
import { RECALL_K, recallAtK } from "./scoring.ts";

/** What one round measured of one miner. */
export interface Measurement {
  readonly hotkey: Hotkey;
  readonly recall: number;
  readonly latencyMs: number | null;
  /** One entry a challenge: whether it was passed. */
  readonly proofs: readonly boolean[];
}

export interface MeasureDeps extends Omit<ChallengeDeps, "possession"> {
  readonly embeddingDim: number;
}

const GROUPS_PER_ROUND = 3;
const CHALLENGES_PER_ROUND = 3;
const MINERS_AT_ONCE = 8;
/** Canaries that end sooner are left alone: a miner whose clock is ahead must not look like a liar. */
const SPARE_MS = 30 * 60_000;

/** A neuron that can be called. */
export type CallableMiner = Pick<Neuron, "hotkey"> & { readonly endpoint: string };

/**
 * Places this round's canaries at the miners, challenges each and queries each; every sample counts (V-W8). Miners are
 * called some at a time, so that dead ones hold up nobody (V-W15).
 */
export async function measureMiners(deps: MeasureDeps, miners: readonly CallableMiner[]): Promise<Measurement[]> {
  const groups = await canariesOfRound(deps);
  const { identity, clock } = deps;
  // One caller for all: a miner takes no nonce twice.
  const caller = new Auth2Caller({ ...deps, signer: identity });
  const possession = new PossessionCaller({ caller, hotkey: identity.hotkey, clock });
  const queue = new PQueue({ concurrency: MINERS_AT_ONCE });
  return await queue.addAll(miners.map((miner) => () => measureMiner({ ...deps, possession }, miner, groups)));
}

async function measureMiner(deps: MeasureDeps & ChallengeDeps, miner: CallableMiner, groups: readonly CanaryGroup[]) {
  const probe = new MinerProbe(deps, miner.endpoint);
  await placeMissing(deps, probe, miner.hotkey, groups);
  const proofs = await challengeMiner(deps, miner, sample(allOf(groups), CHALLENGES_PER_ROUND));
  const answers: (QueryAnswer | null)[] = [];
  const recalls: number[] = [];
  for (const group of groups) {
    const answer = await probe.query(group);
    answers.push(answer);
    const truth = group.members.map(({ cid }) => cid);
    recalls.push(recallAtK(answer?.cids ?? [], truth, RECALL_K));
  }
  return { hotkey: miner.hotkey, recall: mean(recalls), latencyMs: meanLatency(answers), proofs };
}

/** An unanswered query counts as one that took all the time there was; null when none was answered. */
function meanLatency(answers: readonly (QueryAnswer | null)[]): number | null {
  if (answers.every((answer) => answer === null)) return null;
  return mean(answers.map((answer) => answer?.latencyMs ?? CALL_MS));
}

/** A miner that does not take a canary is asked for it all the same: refusing to store must not pay. */
async function placeMissing({ store }: MeasureDeps, probe: MinerProbe, miner: Hotkey, groups: readonly CanaryGroup[]) {
  const there = new Set(await store.call("placedAt", { miner }));
  for (const { members, expiresAt } of groups) {
    for (const canary of members) {
      if (there.has(canary.cid)) continue;
      if (!(await probe.place(canary, expiresAt))) return;
      await store.call("placed", { miner, cids: [canary.cid] });
    }
  }
}

/** At least one group is new each round; the others are drawn from those that were placed in earlier rounds. */
async function canariesOfRound({ store, embeddingDim, clock }: MeasureDeps): Promise<readonly CanaryGroup[]> {
  const now = clock.now();
  const earlier = sample(await store.call("canaryGroups", { outlive: now + SPARE_MS }), GROUPS_PER_ROUND - 1);
  const fresh = Array.from({ length: GROUPS_PER_ROUND - earlier.length }, () => newCanaryGroup(embeddingDim, now));
  await store.call("addCanaries", { groups: fresh, now });
  return [...earlier, ...fresh];
}

function allOf(groups: readonly CanaryGroup[]): readonly Canary[] {
  return groups.flatMap(({ members }) => members);
}

/** `count` different items, unforeseeable. */
function sample<T>(items: readonly T[], count: number): T[] {
  const rest = [...items];
  return Array.from({ length: Math.min(count, rest.length) }, () => rest.splice(randomInt(rest.length), 1)).flat();
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
