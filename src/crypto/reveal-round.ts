import { QUICKNET } from "./timelock.ts";

/** Blocks of margin between the reveal epoch's first block and the drand round of a commit. */
const SECURITY_BLOCKS = 3;
const BLOCK_SECONDS = 12;
/** An epoch runs after so many blocks without one, whatever the tempo. */
const MAX_BLOCKS_WITHOUT_EPOCH = 50_400;

/** A subnet's epochs where the block number alone decides about them. */
export interface CountedEpochs {
  readonly kind: "counted";
  readonly netuid: number;
  readonly tempo: number;
}

/** A subnet's epochs where the chain keeps account of them; all read at one block. */
export interface KeptEpochs {
  readonly kind: "kept";
  readonly tempo: number;
  readonly lastEpochBlock: number;
  /** 0: none is asked for. */
  readonly pendingEpochAt: number;
  readonly blocksSinceLastStep: number;
}

export interface RevealTime {
  /** The block behind which the commit is going to stand. */
  readonly head: number;
  /** Unix milliseconds of now. */
  readonly now: number;
  /** Epochs between commit and reveal, from 1. */
  readonly revealPeriod: number;
  readonly epochs: CountedEpochs | KeptEpochs;
  /** Milliseconds between two blocks; 12 s on the public networks. */
  readonly blockMs?: number;
}

/** The epoch of a block on a subnet whose epochs are counted. */
export function countedEpoch(block: number, { netuid, tempo }: CountedEpochs): number {
  return Math.floor((block + netuid + 1) / (tempo + 1));
}

/** The first block of the epoch in which a commit of the next block is revealed; null when no epoch ever runs. */
export function firstRevealBlock({ head, revealPeriod, epochs }: RevealTime): number | null {
  if (epochs.tempo === 0) return null;
  if (epochs.kind === "counted") {
    const revealEpoch = countedEpoch(head + 1, epochs) + revealPeriod;
    return revealEpoch * (epochs.tempo + 1) - (epochs.netuid + 1);
  }
  return firstKeptBlock(head, revealPeriod, epochs);
}

/** Follows the chain's own account block by block: a pending epoch moves all that come after it. */
function firstKeptBlock(head: number, revealPeriod: number, epochs: KeptEpochs): number {
  const { tempo } = epochs;
  let { lastEpochBlock: last, pendingEpochAt: pending, blocksSinceLastStep: idle } = epochs;
  // An epoch that runs in the block of the commit itself comes before the commit.
  let missing = revealPeriod + 1;
  for (let block = head + 1; ; block++) {
    const runs = (pending > 0 && block >= pending) || idle > MAX_BLOCKS_WITHOUT_EPOCH || block - last >= tempo;
    if (block === head + 1 && !runs) missing--;
    idle++;
    if (!runs) continue;
    if (--missing === 0) return block;
    [last, pending, idle] = [block, 0, 0];
  }
}

/** The drand round that a commit of the next block is sealed for; null when no epoch ever runs. */
export function revealRound(time: RevealTime): number | null {
  const first = firstRevealBlock(time);
  if (first === null) return null;
  const blockSeconds = time.blockMs === undefined ? BLOCK_SECONDS : time.blockMs / 1000;
  const seconds = time.now / 1000 + (first + SECURITY_BLOCKS - time.head) * blockSeconds;
  return Math.max(1, Math.floor((seconds - QUICKNET.genesisSeconds) / QUICKNET.periodSeconds));
}
