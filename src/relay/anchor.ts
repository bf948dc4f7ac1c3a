import { fromHex } from "../crypto/hex.ts";
import type { Hotkey } from "../crypto/ss58.ts";
import type { ChainClient } from "../node/ports.ts";

/** A round's entry on the chain: which output its proposer stands for (spec 14.3). */
export interface Anchor {
  readonly roundId: number;
  readonly outputHash: string;
}

const TAG = Buffer.from("EGR1", "ascii");
const ANCHOR_BYTES = 44;

/** `"EGR1" ‖ round_id u64 LE ‖ output_hash`: what the proposer commits to, once a relayed round. */
export function anchorBytes({ roundId, outputHash }: Anchor): Uint8Array {
  const round = Buffer.alloc(8);
  round.writeBigUInt64LE(BigInt(roundId));
  const hash = fromHex(outputHash, 32);
  if (!hash) throw new TypeError("an output hash has 32 bytes");
  return Buffer.concat([TAG, round, hash]);
}

/** The anchor in a commitment; null when it is something else. */
export function readAnchor(bytes: Uint8Array | null): Anchor | null {
  if (bytes === null || bytes.length !== ANCHOR_BYTES) return null;
  const found = Buffer.from(bytes);
  if (!found.subarray(0, TAG.length).equals(TAG)) return null;
  const roundId = Number(found.readBigUInt64LE(TAG.length));
  return { roundId, outputHash: found.subarray(TAG.length + 8).toString("hex") };
}

/** `differs`: another output of this round. `missing`: none of this round, or not in a finalized block yet. */
export type AnchorState = "anchored" | "missing" | "differs";

/** `auto`: where the chain is real. On a simulated one anchors prove nothing that the chain itself could not invent. */
export const ANCHOR_RULES = ["auto", "always", "never"] as const;
export type AnchorRule = (typeof ANCHOR_RULES)[number];

export function needsAnchor(identity: string, rule: AnchorRule = "auto"): boolean {
  return rule === "auto" ? !identity.startsWith("local:") : rule === "always";
}

/**
 * Where a relay says that its anchor is read: a block, by number. A commitment holds one value, and the author's next
 * round takes its place; as of that block it stays what it was.
 */
export const ANCHOR_BLOCK_HEADER = "engram-anchor-block";

/** What `hotkey` had committed to as of a block, the finalized one when none is named. Errors: those of the chain. */
export async function anchorState(
  chain: Pick<ChainClient, "commitment">,
  hotkey: Hotkey,
  { roundId, outputHash }: Anchor,
  atBlock?: number,
): Promise<AnchorState> {
  const found = readAnchor(await chain.commitment(hotkey, atBlock));
  if (found?.roundId !== roundId) return "missing";
  return found.outputHash === outputHash ? "anchored" : "differs";
}
