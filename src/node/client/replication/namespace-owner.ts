import { EngramError } from "../../../crypto/errors.ts";
import { toHex } from "../../../crypto/hex.ts";
import { ownerChangeMessage } from "../../../crypto/request-auth.ts";
import type { Hotkey } from "../../../crypto/ss58.ts";
import type { Auth2Caller } from "../../protocol/auth2-caller.ts";
import type { HttpClient } from "../../runtime/http-client.ts";
import type { KnownMiner } from "./miner-client.ts";
import type { HotkeySigner } from "./signer.ts";

export interface NamespaceOwnerDeps {
  readonly http: HttpClient;
  /** Signs as the namespace's present owner. */
  readonly caller: Auth2Caller;
}

const DEADLINE_MS = 15_000;
const MAX_REPLY_BYTES = 16 * 1024;

/**
 * Hands namespaces to a new key at one miner, or ends them there (capability `nsowner1`). The owner of a namespace calls
 * it at every miner that holds it; one that was not reached goes on obeying the old key. Both resolve to false when the
 * miner knows no such namespace of this owner. Errors: those of `Auth2Caller`, and `MINER_ANSWER`.
 */
export class NamespaceOwner {
  readonly #owner: Hotkey;
  readonly #deps: NamespaceOwnerDeps;

  constructor(owner: Hotkey, deps: NamespaceOwnerDeps) {
    this.#owner = owner;
    this.#deps = deps;
  }

  /** From the present owner to `next`, whose own signature says that it takes it. */
  rotate(miner: KnownMiner, namespace: string, next: HotkeySigner, signal?: AbortSignal): Promise<boolean> {
    const new_signature = `0x${toHex(next.sign(ownerChangeMessage(namespace, this.#owner, next.hotkey)))}`;
    return this.#ask(miner, { action: "rotate", namespace, new_hotkey: next.hotkey, new_signature }, signal);
  }

  /** With every record in it; the name stays taken there. */
  delete(miner: KnownMiner, namespace: string, signal?: AbortSignal): Promise<boolean> {
    return this.#ask(miner, { action: "delete", namespace }, signal);
  }

  async #ask(miner: KnownMiner, body: object, signal: AbortSignal | undefined): Promise<boolean> {
    const { http, caller } = this.#deps;
    const limits = { deadlineMs: DEADLINE_MS, maxBytes: MAX_REPLY_BYTES, ...(signal ? { signal } : {}) };
    const { status } = await caller.post(http, miner, "/NamespaceOwner", JSON.stringify(body), limits);
    if (status === 200) return true;
    if (status === 404) return false;
    throw new EngramError("MINER_ANSWER", `the miner refused (${status})`, {
      fix: "look for nsowner1 among its capabilities, and try again",
    });
  }
}
