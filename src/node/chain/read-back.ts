import type { ChainClient, WeightRow, WeightsSubmission } from "../ports.ts";

export function isSameRow(one: WeightRow, other: WeightRow): boolean {
  return one.size === other.size && [...one].every(([uid, weight]) => other.get(uid) === weight);
}

/** `ChainClient.readBack` where rows count in the block that included them. */
export async function readBackSet(
  chain: Pick<ChainClient, "finalized" | "weights">,
  { block, revealBlock, revealBlocks, uid, row }: WeightsSubmission,
): Promise<"waiting" | "counts" | "lost"> {
  const { number } = await chain.finalized();
  const from = revealBlock ?? block.number;
  if (number < from) return "waiting";
  const found = (await chain.weights(number)).get(uid);
  if (found && isSameRow(found, row)) return "counts";
  return number < from + revealBlocks ? "waiting" : "lost";
}
