import type { Hotkey } from "../../crypto/ss58.ts";
import type { Canary, CanaryGroup } from "./canaries.ts";
import { type ChallengeDeps, challengeMiner } from "./challenge-miner.ts";
import type { GroundTruthEntry } from "./ground-truth/entry.ts";
import type { PlacedMiner } from "./ground-truth/ground-truth-set.ts";
import { capabilitiesOf } from "./miner-capabilities.ts";
import { MinerLine } from "./miner-line.ts";
import { CALL_MS, MinerProbe, type QueryAnswer } from "./miner-probe.ts";
import { mean } from "./sampling.ts";
import { RECALL_K, recallAtK } from "./scoring.ts";

/** What one round measured of one miner. */
export interface Measurement {
  readonly hotkey: Hotkey;
  readonly recall: number;
  readonly latencyMs: number | null;
  /** One entry a challenge that counts: whether it was passed. */
  readonly proofs: readonly boolean[];
  /** What became known of its copies of public records: whether it proved to hold them. */
  readonly copies: readonly { readonly cid: string; readonly isHeld: boolean }[];
}

/** Whether a miner did nothing that it was asked for. */
export function isSilent({ latencyMs, proofs }: Pick<Measurement, "latencyMs" | "proofs">): boolean {
  return latencyMs === null && !proofs.includes(true);
}

/** A miner that can be called. */
export type CallableMiner = PlacedMiner & { readonly endpoint: string };

/** What is asked of one miner in one round; nobody knows it before. */
export interface VisitPlan {
  readonly groups: readonly CanaryGroup[];
  /** Canaries of `groups` that it must prove. */
  readonly canaries: readonly Canary[];
  /** Records that it is known to hold and must prove. */
  readonly held: readonly GroundTruthEntry[];
  /** Records that are assigned to it and that it may hold: passing shows that it does, failing costs nothing. */
  readonly trials: readonly GroundTruthEntry[];
  readonly queries: readonly Query[];
}

/** A query, and all that it has to find. */
export interface Query {
  readonly vector: Float32Array;
  readonly truth: readonly string[];
}

/** A miner after all that is not timed. */
export interface Visit extends Pick<Measurement, "proofs" | "copies"> {
  readonly miner: CallableMiner;
  readonly line: MinerLine;
  readonly queries: readonly Query[];
}

/** Places what is missing of the canaries, then challenges. At an address that is another's nothing is asked. */
export async function prepareVisit(deps: ChallengeDeps, miner: CallableMiner, plan: VisitPlan): Promise<Visit> {
  const line = new MinerLine(deps.http);
  const reached = { ...deps, http: line };
  const caps = await capabilitiesOf(reached, miner);
  if (caps === null) {
    line.giveUp();
    deps.logger.warn({ miner: miner.hotkey, endpoint: miner.endpoint }, "a miner published the address of another");
  }
  await placeMissing(reached, miner, plan.groups);
  const { canaries, held, trials, queries } = plan;
  const challenged = [...canaries, ...held, ...trials];
  const passed = await challengeMiner(
    reached,
    { ...miner, caps: caps ?? [] },
    challenged,
    canaries.length + held.length,
  );
  const ofRecords = passed.slice(canaries.length);
  const copies = [...held, ...trials].map(({ cid }, place) => ({ cid, isHeld: ofRecords[place] === true }));
  return { miner, line, queries, proofs: passed.slice(0, canaries.length + held.length), copies };
}

/** Asks the queries one after another, so that a miner is not timed against itself; every one counts (V-W8). */
export async function timeVisit(deps: ChallengeDeps, { miner, line, queries, ...seen }: Visit): Promise<Measurement> {
  const probe = new MinerProbe({ ...deps, http: line }, miner.endpoint);
  const answers: (QueryAnswer | null)[] = [];
  for (const { vector } of queries) answers.push(await probe.query(vector));
  const recalls = queries.map(({ truth }, place) => recallAtK(answers[place]?.cids ?? [], truth, RECALL_K));
  return { hotkey: miner.hotkey, recall: mean(recalls), latencyMs: meanLatency(answers), ...seen };
}

/** An unanswered query counts as one that took all the time there was; null when none was answered. */
function meanLatency(answers: readonly (QueryAnswer | null)[]): number | null {
  if (answers.every((answer) => answer === null)) return null;
  return mean(answers.map((answer) => answer?.latencyMs ?? CALL_MS));
}

/** A miner that does not take a canary is asked for it all the same: refusing to store must not pay. */
async function placeMissing(deps: ChallengeDeps, miner: CallableMiner, groups: readonly CanaryGroup[]): Promise<void> {
  const { store } = deps;
  const probe = new MinerProbe(deps, miner.endpoint);
  const there = new Set(await store.call("placedAt", { miner: miner.hotkey }));
  const taken: string[] = [];
  try {
    for (const { members, expiresAt } of groups) {
      for (const canary of members) {
        if (there.has(canary.cid)) continue;
        if (!(await probe.place(canary, expiresAt))) return;
        taken.push(canary.cid);
      }
    }
  } finally {
    if (taken.length > 0) await store.call("placed", { miner: miner.hotkey, cids: taken });
  }
}
