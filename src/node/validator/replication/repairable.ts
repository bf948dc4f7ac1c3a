import { cidMatches } from "../../../crypto/cid.ts";
import type { HeldRecord } from "../../../crypto/possession-proof.ts";
import type { SubnetObject } from "../../../crypto/subnet-json.ts";

declare const repairableBrand: unique symbol;

/** A public record whose bytes were proved to be its CID's; a private one is not assignable (M-W1). */
export type RepairableRecord = HeldRecord & { readonly [repairableBrand]: true };

/**
 * The record when vector and metadata are those its CID was made of, in either form of the subnet, else null: neither a
 * source nor a file is believed (V-W27). An envelope is a private record, wherever it was found, and its owner's alone to
 * repair. What a Qdrant source adds of its own is taken off first (M-W43).
 */
export function repairable(
  cid: string,
  { embedding, metadata }: Pick<HeldRecord, "embedding" | "metadata">,
): RepairableRecord | null {
  const own: SubnetObject = new Map([...metadata].filter(([key]) => key !== "_emb_hash"));
  if (own.has("_enc") || embedding.length === 0 || !cidMatches(cid, { embedding, metadata: own })) return null;
  return { cid, embedding, metadata: own } as unknown as RepairableRecord;
}
