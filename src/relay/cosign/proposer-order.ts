import type { Hotkey } from "../../crypto/ss58.ts";
import type { Metagraph } from "../../node/ports.ts";
import { sha256Hex } from "../payload/hashes.ts";

/** Blocks by which each later proposer waits longer: a minute on the real chain (spec 14.2). */
const STEP_BLOCKS = 5;

/**
 * How many blocks after finality this validator may propose the round: 0 for the first of the order; null without a
 * permit. All know the order, so they do not sign competing payloads.
 */
export function proposerDelay(metagraph: Metagraph, netuid: number, roundId: number, hotkey: Hotkey): number | null {
  const order = metagraph.neurons
    .filter((neuron) => neuron.validatorPermit)
    .map((neuron) => ({ hotkey: neuron.hotkey, rank: sha256Hex(`${netuid}:${roundId}:${neuron.hotkey}`) }))
    .sort((left, right) => (left.rank < right.rank ? -1 : 1));
  const position = order.findIndex((entry) => entry.hotkey === hotkey);
  return position < 0 ? null : position * STEP_BLOCKS;
}
