import type { ChainClient, WeightRow, WeightsSubmission } from "../ports.ts";

export function isSameRow(one: WeightRow, other: WeightRow): boolean {
  return one.size === other.size && [...one].every(([uid, weight]) => other.get(uid) === weight);
}

/** `ChainClient.readBack` for rows that count in the block that included them. */
export async function readBackSet(
  chain: Pick<ChainClient, "finalized" | "weights">,
  { block, uid, row }: WeightsSubmission,
): Promise<"waiting" | "counts" | "lost"> {
  const { number } = await chain.finalized();
  if (number < block.number) return "waiting";
  const found = (await chain.weights(number)).get(uid);
  return found && isSameRow(found, row) ? "counts" : "lost";
}
