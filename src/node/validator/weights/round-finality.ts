import type { BlockRef, ChainClient } from "../../ports.ts";

/**
 * Whether a block is final, by its hash and not by its number alone. The hash is read last: once the block is finalized,
 * the hash read after that stays. Errors: those of the chain; while it does not answer nothing is final.
 */
export async function blockFinality(
  chain: Pick<ChainClient, "finalized" | "blockHash">,
  block: BlockRef,
): Promise<"final" | "waiting" | "orphaned"> {
  const { number } = await chain.finalized();
  const hash = await chain.blockHash(block.number);
  if (hash !== null && hash !== block.hash) return "orphaned";
  return hash === block.hash && number >= block.number ? "final" : "waiting";
}
