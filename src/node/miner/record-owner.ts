import { type Hotkey, isHotkey } from "../../crypto/ss58.ts";
import { isSubnetObject } from "../../crypto/subnet-json.ts";
import { readSubnetJson } from "../../crypto/subnet-json-reader.ts";
import { PUBLIC_NAMESPACE, type StoredRecord } from "../ports.ts";
import type { MinerDeps } from "./miner-options.ts";

type Deps = Pick<MinerDeps, "store" | "namespaces">;

/** The copies of `cid` that are `caller`'s: the public one when it is theirs, and those in namespaces they own (M-W5). */
export async function recordsOwnedBy(deps: Deps, cid: string, caller: Hotkey): Promise<readonly StoredRecord[]> {
  const shown = await deps.store.get(PUBLIC_NAMESPACE, cid);
  const own = await privateRecordsOf(deps, cid, caller);
  return shown && ownsPublic(shown, caller) ? [shown, ...own] : own;
}

/** Copies of others are not even read: there may be thousands. */
export async function privateRecordsOf(
  { store, namespaces }: Deps,
  cid: string,
  owner: Hotkey,
): Promise<readonly StoredRecord[]> {
  const names = await namespaces.ownedHolding(cid, owner);
  const found = await Promise.all(names.map((name) => store.get(name, cid)));
  return found.filter((record) => record !== null);
}

/**
 * A public record belongs to the author it names, whoever brought the copy here: a repairing validator, or a stranger
 * who was quicker. One that names none belongs to who ingested it.
 */
function ownsPublic(record: StoredRecord, caller: Hotkey): boolean {
  const author = authorOf(record);
  return author === undefined ? record.ingestedBy === caller : author === caller;
}

/** The metadata is part of the CID, so nobody can put another name there afterwards. */
function authorOf(record: StoredRecord): Hotkey | undefined {
  const metadata = readSubnetJson(record.metadata);
  const author = isSubnetObject(metadata) ? metadata.get("author") : undefined;
  return typeof author === "string" && isHotkey(author) ? author : undefined;
}
