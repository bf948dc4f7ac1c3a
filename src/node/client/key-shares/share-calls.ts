import { EngramError } from "../../../crypto/errors.ts";
import type { Auth2Caller } from "../../protocol/auth2-caller.ts";
import {
  MAX_KEY_SHARE_REPLY_BYTES,
  readHeldShares,
  type SealedShare,
  type ShareCommit,
  type ShareDeposit,
  type ShareRetrieve,
} from "../../protocol/key-share-messages.ts";
import type { HttpClient, HttpReply } from "../../runtime/http-client.ts";
import { errorOf, type KnownMiner, parsed } from "../replication/miner-client.ts";

export interface ShareCallsDeps {
  readonly http: HttpClient;
  readonly caller: Auth2Caller;
  readonly deadlineMs?: number | undefined;
}

/** Why a miner does not take a share of an epoch. */
export const NEWER_EPOCH = "it holds a newer epoch, or this one was revoked";

const DEADLINE_MS = 10_000;

/** The key share routes of miners (spec 8.8, 8.9 over auth2). Errors: those of `Auth2Caller`. */
export class ShareCalls {
  readonly #deps: ShareCallsDeps;

  constructor(deps: ShareCallsDeps) {
    this.#deps = deps;
  }

  /** Resolves when the miner has it on disk; throws `HOLDER_REFUSED` otherwise. */
  async store(miner: KnownMiner, message: ShareDeposit | ShareCommit, signal: AbortSignal): Promise<void> {
    const reply = await this.#post(miner, "/KeyShareSynapse", message, signal);
    if (reply.status === 200) return;
    throw new EngramError("HOLDER_REFUSED", `the miner refused (${reply.status}${known(errorOf(reply))})`);
  }

  /** The shares it keeps; none for a 404; `undefined` when it refuses. Throws `MINER_ANSWER` for senseless replies. */
  async retrieve(
    miner: KnownMiner,
    message: ShareRetrieve,
    signal: AbortSignal,
  ): Promise<readonly SealedShare[] | undefined> {
    const reply = await this.#post(miner, "/KeyShareRetrieve", message, signal);
    if (reply.status === 404) return [];
    if (reply.status !== 200) return undefined;
    const document = parsed(reply);
    const shares = document && readHeldShares(document);
    if (shares && shares.length > 0) return shares;
    throw new EngramError("MINER_ANSWER", "the miner answered without a share");
  }

  #post(miner: KnownMiner, path: string, message: object, signal: AbortSignal): Promise<HttpReply> {
    const { caller, http, deadlineMs = DEADLINE_MS } = this.#deps;
    const limits = { deadlineMs, maxBytes: MAX_KEY_SHARE_REPLY_BYTES, signal };
    return caller.post(http, miner, path, JSON.stringify(message), limits);
  }
}

/** A miner's own sentence is shown to nobody: only what it means is. */
function known(error: string | undefined): string {
  if (error === undefined) return "";
  return /epoch/.test(error) ? `: ${NEWER_EPOCH}` : ": with a reason of its own";
}
