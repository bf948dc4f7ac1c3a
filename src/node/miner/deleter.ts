import type { Hotkey } from "../../crypto/ss58.ts";
import { PUBLIC_NAMESPACE } from "../ports.ts";
import type { MinerDeps } from "./miner-options.ts";
import { recordsOwnedBy } from "./record-owner.ts";

/** Deletes records at the word of those they belong to (M-W5, M-W6). */
export class Deleter {
  readonly #deps: Pick<MinerDeps, "store" | "namespaces" | "copies">;

  constructor(deps: Pick<MinerDeps, "store" | "namespaces" | "copies">) {
    this.#deps = deps;
  }

  /**
   * Removes the copies of `cid` that `caller` may delete, of one namespace when named. True when there was one; its
   * bytes are off the disk then. False tells nothing about copies of others.
   */
  async delete(cid: string, caller: Hotkey, namespace: string | undefined): Promise<boolean> {
    const { store, copies } = this.#deps;
    let deleted = false;
    for (const record of await recordsOwnedBy(this.#deps, cid, caller)) {
      if (namespace !== undefined && record.namespace !== namespace) continue;
      if (record.namespace === PUBLIC_NAMESPACE) await copies?.takeBack(cid);
      deleted = (await store.delete(record.namespace, cid)) || deleted;
    }
    return deleted;
  }
}
