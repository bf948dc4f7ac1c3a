import type { Hotkey } from "../../../crypto/ss58.ts";
import type { Neuron } from "../../ports.ts";
import type { FactTable } from "./fact-table.ts";

/** As many validators as a subnet of the real chain has. */
const MAX_VALIDATORS = 64;

/** The neurons as of a block, ordered by uid. */
export function neuronsAt(facts: FactTable, at: number): readonly Neuron[] {
  const stakes = facts.all("stake", at);
  const axons = facts.all("axon", at);
  const permits = permitsAt(facts, at);
  const incentives = incentivesAt(facts, at, permits);
  return [...facts.all("neuron", at)]
    .map(([hotkey, { uid, coldkey }]) => ({
      uid,
      hotkey,
      coldkey,
      endpoint: axons.get(hotkey) ?? null,
      stakeTao: stakes.get(hotkey) ?? 0,
      validatorPermit: permits.has(hotkey),
      incentive: incentives.get(uid) ?? 0,
    }))
    .sort((one, other) => one.uid - other.uid);
}

/** Who may set weights, with their stake: the registered hotkeys with the most. */
export function permitsAt(facts: FactTable, at: number): ReadonlyMap<Hotkey, number> {
  const neurons = facts.all("neuron", at);
  const staked = [...facts.all("stake", at)].flatMap(([hotkey, tao]) => {
    const neuron = neurons.get(hotkey);
    return neuron && tao > 0 ? [{ hotkey, tao, uid: neuron.uid }] : [];
  });
  staked.sort((one, other) => other.tao - one.tao || one.uid - other.uid);
  return new Map(staked.slice(0, MAX_VALIDATORS).map(({ hotkey, tao }) => [hotkey, tao]));
}

/** By uid: the share of all weight, each validator's row counting by its stake. */
function incentivesAt(facts: FactTable, at: number, permits: ReadonlyMap<Hotkey, number>): ReadonlyMap<number, number> {
  const rows = [...facts.all("weights", at)].flatMap(([hotkey, row]) => {
    const tao = permits.get(hotkey);
    return tao === undefined ? [] : [{ row, tao, sum: row.reduce((sum, [, weight]) => sum + weight, 0) }];
  });
  const total = rows.reduce((sum, { tao }) => sum + tao, 0);
  const incentives = new Map<number, number>();
  for (const { row, tao, sum } of rows) {
    for (const [uid, weight] of row) {
      incentives.set(uid, (incentives.get(uid) ?? 0) + (weight / sum) * (tao / total));
    }
  }
  return incentives;
}
