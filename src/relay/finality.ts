import type { BlockRef, ChainClient } from "../node/ports.ts";

/** `orphaned`: another block stands in its place, so nothing made from it may be sent. */
export type Finality = "final" | "waiting" | "orphaned";

/** What the chain showed. */
export interface FinalityView {
  readonly finalized: number;
  readonly head: number;
  /** Of the block in question on the canonical chain; null while there is none of that number. */
  readonly canonicalHash: string | null;
}

/** So many blocks stand on a final one, on top of the chain's own finality (spec 14.1). */
export const CONFIRMATIONS = 3;

/**
 * Whether what was measured at `block` may be sent: it is finalized, its hash is still the canonical one, and the head
 * is three blocks further. All three, so that neither a node that lies about finality nor a short fork is enough.
 */
export function judgeFinality(block: BlockRef, view: FinalityView): Finality {
  if (view.canonicalHash === null) return "waiting";
  if (view.canonicalHash !== block.hash) return "orphaned";
  return view.finalized >= block.number && view.head >= block.number + CONFIRMATIONS ? "final" : "waiting";
}

/** Asks the chain now. Errors: those of the chain; while it does not answer nothing counts as final. */
export async function checkFinality(
  chain: Pick<ChainClient, "head" | "finalized" | "blockHash">,
  block: BlockRef,
): Promise<Finality> {
  // The hash is read last: once the block is finalized, the hash read after that stays.
  const finalized = await chain.finalized();
  const head = await chain.head();
  const canonicalHash = await chain.blockHash(block.number);
  return judgeFinality(block, { finalized: finalized.number, head: head.number, canonicalHash });
}
