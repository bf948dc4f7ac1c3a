import type { Hotkey } from "../../crypto/ss58.ts";
import type { MinerScore, Neuron } from "../ports.ts";
import { noProofs, proofCounts, proofRate, shouldSlash, withResult } from "./proof-record.ts";
import { nextReputation } from "./reputation.ts";
import { compositeScore, nextAverage, weightsOf } from "./scoring.ts";
import { expireSlashes, isSlashed, type SlashEvent, slash } from "./slashing.ts";
import type { MinerState } from "./store/validator-rows.ts";
import type { Measurement } from "./visit-miner.ts";

/** What is known before a round. */
export interface KnownMiners {
  readonly miners: readonly MinerState[];
  readonly slashes: readonly SlashEvent<Hotkey>[];
}

/** The round's scores by uid, with the proof records and slashes it leaves behind (spec 6). */
export function judgeMiners(
  known: KnownMiners,
  neurons: readonly Neuron[],
  measurements: readonly Measurement[],
  { block, cooldownBlocks }: { readonly block: number; readonly cooldownBlocks: number },
): KnownMiners & {
  readonly scores: ReadonlyMap<number, MinerScore>;
  /** Challenges behind each proof rate, by uid. */
  readonly challenges: ReadonlyMap<number, number>;
} {
  const states = statesOf(known.miners);
  const measured = new Map(measurements.map((measurement) => [measurement.hotkey, measurement]));
  let slashes = expireSlashes(known.slashes, block, cooldownBlocks);
  const scores = new Map<number, MinerScore>();
  const challenges = new Map<number, number>();
  const miners: MinerState[] = [];
  for (const { uid, hotkey } of neurons) {
    const { recall = 0, latencyMs = null, proofs = [] } = measured.get(hotkey) ?? {};
    const state = states.get(hotkey) ?? newMiner(hotkey);
    // With its slash over a miner starts anew: the old failures would slash it again for ever (V-W11).
    const isReleased = isSlashed(known.slashes, hotkey) && !isSlashed(slashes, hotkey);
    const record = proofs.reduce(withResult, isReleased ? noProofs : { proofs: state.proofs });
    const { total, passed } = proofCounts(record);
    if (shouldSlash(record)) slashes = slash(slashes, { miner: hotkey, block, total, passed });
    miners.push({ ...state, ...record });
    scores.set(uid, { recall, latencyMs, proofRate: proofRate(record) });
    challenges.set(uid, total);
  }
  return { miners, slashes, scores, challenges };
}

/** Moving averages and reputations after an agreed round, and the weights they give (spec 7, 8). */
export function standingsAfter(
  { miners, slashes }: KnownMiners,
  neurons: readonly Pick<Neuron, "uid" | "hotkey">[],
  agreed: ReadonlyMap<number, MinerScore>,
): { readonly miners: readonly MinerState[]; readonly weights: ReadonlyMap<number, number> } {
  const states = statesOf(miners);
  const hotkeys = new Map(neurons.map(({ uid, hotkey }) => [uid, hotkey]));
  const averages = new Map<number, number>();
  const after = [...agreed].flatMap(([uid, score]): MinerState[] => {
    const hotkey = hotkeys.get(uid);
    if (hotkey === undefined) return [];
    const state = states.get(hotkey) ?? newMiner(hotkey);
    const next = isSlashed(slashes, hotkey) ? { ...state, average: 0 } : stateAfter(state, score);
    averages.set(uid, next.average);
    return [next];
  });
  return { miners: after, weights: weightsOf(averages) };
}

function stateAfter(state: MinerState, round: MinerScore): MinerState & { readonly average: number } {
  const score = compositeScore(round);
  return {
    ...state,
    average: nextAverage(state.average, score),
    reputation: nextReputation(state.reputation, { ...round, score }),
  };
}

function statesOf(miners: readonly MinerState[]): ReadonlyMap<Hotkey, MinerState> {
  return new Map(miners.map((state) => [state.hotkey, state]));
}

function newMiner(hotkey: Hotkey): MinerState {
  return { hotkey, average: null, reputation: null, ...noProofs };
}
