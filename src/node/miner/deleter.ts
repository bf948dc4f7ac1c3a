import type { Hotkey } from "../../crypto/ss58.ts";
import { isSubnetObject } from "../../crypto/subnet-json.ts";
import { readSubnetJson } from "../../crypto/subnet-json-reader.ts";
import { PUBLIC_NAMESPACE, type StoredRecord } from "../ports.ts";
import type { MinerDeps } from "./miner-options.ts";

/** Deletes records at the word of those they belong to (M-W5, M-W6). */
export class Deleter {
  readonly #deps: Pick<MinerDeps, "store" | "namespaces">;

  constructor(deps: Pick<MinerDeps, "store" | "namespaces">) {
    this.#deps = deps;
  }

  /**
   * Removes the copies of `cid` that `caller` may delete, of one namespace when named. True when there was one; its
   * bytes are off the disk then. False tells nothing about copies of others.
   */
  async delete(cid: string, caller: Hotkey, namespace: string | undefined): Promise<boolean> {
    const { store } = this.#deps;
    let deleted = false;
    for (const record of await store.locate(cid)) {
      if (namespace !== undefined && record.namespace !== namespace) continue;
      if (!(await this.#mayDelete(record, caller))) continue;
      deleted = (await store.delete(record.namespace, cid)) || deleted;
    }
    return deleted;
  }

  async #mayDelete(record: StoredRecord, caller: Hotkey): Promise<boolean> {
    if (record.namespace !== PUBLIC_NAMESPACE) {
      return (await this.#deps.namespaces.ownerOf(record.namespace)) === caller;
    }
    return record.ingestedBy === caller || namesAsAuthor(record, caller);
  }
}

/**
 * Whether the record's own metadata names `caller` as author: a copy that a repairing validator brought still belongs
 * to its author. The metadata is part of the CID, so nobody can put another name there afterwards.
 */
function namesAsAuthor(record: StoredRecord, caller: Hotkey): boolean {
  const metadata = readSubnetJson(record.metadata);
  return isSubnetObject(metadata) && metadata.get("author") === caller;
}
