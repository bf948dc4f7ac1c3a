import { cidMatches } from "../../../crypto/cid.ts";
import { type Hotkey, isHotkey } from "../../../crypto/ss58.ts";
import { isSubnetObject } from "../../../crypto/subnet-json.ts";
import { readSubnetJson } from "../../../crypto/subnet-json-reader.ts";
import { PUBLIC_NAMESPACE, type StoredRecord } from "../../ports.ts";

declare const publicCopyBrand: unique symbol;

/** A record that may be pushed to other miners; a private one is not assignable (M-W1). */
export type PublicCopy = StoredRecord & { readonly [publicCopyBrand]: true };

/**
 * The record when this miner is its first holder and nobody else looks after its copies, else null. Not pushed on are:
 * - private records, and envelopes that a client of the reference left in public;
 * - what another neuron brought: a miner's push must not be pushed again (M-W2), a repair and a canary are the
 *   validator's own business;
 * - what names its author: their client keeps the copies itself, and could not delete those it does not know of;
 * - what would be stored elsewhere under another CID (M-W13).
 */
export function publicCopy(record: StoredRecord, isNeuron: (hotkey: Hotkey) => boolean): PublicCopy | null {
  const { namespace, ingestedBy, embedding, cid } = record;
  if (namespace !== PUBLIC_NAMESPACE) return null;
  const metadata = readSubnetJson(record.metadata);
  if (!isSubnetObject(metadata) || metadata.has("_enc")) return null;
  if (ingestedBy !== null && isNeuron(ingestedBy)) return null;
  const author = metadata.get("author");
  if (typeof author === "string" && isHotkey(author)) return null;
  return cidMatches(cid, { embedding, metadata }) ? (record as PublicCopy) : null;
}

/** Whether a miner's answer names this record, in either form found on the subnet (spec 2.3). */
export function isCidOf(cid: string, record: PublicCopy): boolean {
  const metadata = readSubnetJson(record.metadata);
  return isSubnetObject(metadata) && cidMatches(cid, { embedding: record.embedding, metadata });
}
