import type { Hotkey } from "../../crypto/ss58.ts";
import type { Metagraph } from "../../node/ports.ts";
import { sha256Hex } from "../payload/hashes.ts";
import { votersOf } from "./electorate.ts";

/** Of the real chain. Where blocks come faster, a later proposer still leaves an earlier one its minute to come back. */
const BLOCK_MS = 12_000;
const MINUTE_MS = 60_000;
/** Whoever proposed asks for missing signatures this often at least, unless the receiver makes it wait. */
export const MAX_ASK_MS = 60_000;

/** Blocks by which each later proposer waits longer: a minute on the real chain (spec 14.2). */
const STEP_BLOCKS = 5;

/**
 * How many blocks after finality this validator may propose the round: 0 for the first of the order; null where it has no
 * vote. All know the order, so they do not sign competing payloads.
 */
export function proposerDelay(
  metagraph: Pick<Metagraph, "neurons">,
  netuid: number,
  roundId: number,
  hotkey: Hotkey,
): number | null {
  const order = votersOf(metagraph.neurons)
    .map((neuron) => ({ hotkey: neuron.hotkey, rank: sha256Hex(`${netuid}:${roundId}:${neuron.hotkey}`) }))
    .sort((left, right) => (left.rank < right.rank ? -1 : 1));
  const position = order.findIndex((entry) => entry.hotkey === hotkey);
  return position < 0 ? null : position * STEP_BLOCKS;
}

/**
 * When a round that was queued at `createdAt` may be proposed, `delay` blocks behind the first. `since` is when this
 * process could first be asked to sign another's proposal. Where it was away for longer than a minute another may have
 * proposed meanwhile: two validators that each sign their own never have a quorum, so it waits until it was asked.
 */
export function proposalTime(createdAt: number, since: number, delay: number): number {
  const from = since - createdAt > MINUTE_MS ? since + 2 * MAX_ASK_MS : Math.max(createdAt, since);
  return from + delay * BLOCK_MS;
}
