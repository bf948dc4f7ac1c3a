import type { Hotkey } from "../../crypto/ss58.ts";
import { isSubnetObject } from "../../crypto/subnet-json.ts";
import { readSubnetJson } from "../../crypto/subnet-json-reader.ts";
import { PUBLIC_NAMESPACE, type StoredRecord } from "../ports.ts";
import type { MinerDeps } from "./miner-options.ts";

/** Whether the record is `caller`'s: of a namespace they own, or public and ingested or written by them (M-W5). */
export async function ownsRecord(
  record: StoredRecord,
  caller: Hotkey,
  namespaces: Pick<MinerDeps["namespaces"], "ownerOf">,
): Promise<boolean> {
  if (record.namespace !== PUBLIC_NAMESPACE) return (await namespaces.ownerOf(record.namespace)) === caller;
  return record.ingestedBy === caller || namesAsAuthor(record, caller);
}

/**
 * Whether the record's own metadata names `caller` as author: a copy that a repairing validator brought still belongs
 * to its author. The metadata is part of the CID, so nobody can put another name there afterwards.
 */
function namesAsAuthor(record: StoredRecord, caller: Hotkey): boolean {
  const metadata = readSubnetJson(record.metadata);
  return isSubnetObject(metadata) && metadata.get("author") === caller;
}
