import { z } from "zod";
import { EngramError } from "../../../crypto/errors.ts";
import { toPlain } from "../../../crypto/subnet-json.ts";
import type { Auth2Caller } from "../../protocol/auth2-caller.ts";
import type { SignedGrant } from "../../protocol/namespace-grant.ts";
import type { HttpClient, HttpReply } from "../../runtime/http-client.ts";
import {
  type KnownMiner,
  type ListQuery,
  MAX_LIST_REPLY_BYTES,
  parsed,
  readListPage,
} from "../replication/miner-client.ts";

interface Deps {
  readonly http: HttpClient;
  readonly caller: Auth2Caller;
  readonly deadlineMs?: number | undefined;
}

const DEADLINE_MS = 15_000;
const MAX_SMALL_REPLY_BYTES = 256 * 1024;

const letterSchema = z.object({ epoch: z.int().min(0), sealed: z.string() });

/** The routes of capability `grant1`. Errors: those of `Auth2Caller`, and `MINER_ANSWER`. */
export class GrantCalls {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Begins an epoch at one miner. False: it has no such namespace of the sender's, so no reader reads it there. */
  async beginEpoch(
    miner: KnownMiner,
    body: { readonly namespace: string; readonly epoch: number; readonly letters?: readonly object[] },
    signal: AbortSignal,
  ): Promise<boolean> {
    const { status } = await this.#post(miner, "/NamespaceGrants", body, MAX_SMALL_REPLY_BYTES, signal);
    if (status === 404) return false;
    if (status === 200 || status === 409) return true;
    throw senseless(status);
  }

  /** What the owner left for this reader there, sealed. */
  async letter(
    miner: KnownMiner,
    namespace: string,
    signal: AbortSignal,
  ): Promise<{ readonly epoch: number; readonly sealed: string } | undefined> {
    const reply = await this.#post(miner, "/NamespaceLetter", { namespace }, MAX_SMALL_REPLY_BYTES, signal);
    if (reply.status === 404) return undefined;
    const document = reply.status === 200 ? parsed(reply) : undefined;
    const letter = letterSchema.safeParse(document && toPlain(document));
    if (letter.success) return letter.data;
    throw senseless(reply.status);
  }

  /** As `MinerClient.list`, of the namespace that the grant is for. Errors: `GRANT_REFUSED` too. */
  lister(miner: KnownMiner, grant: SignedGrant) {
    return {
      list: async ({ namespace: _, ...query }: ListQuery, { signal }: { readonly signal?: AbortSignal } = {}) => {
        const body = { ...query, namespace: grant.namespace, grant };
        const never = new AbortController().signal;
        const reply = await this.#post(miner, "/list", body, MAX_LIST_REPLY_BYTES, signal ?? never);
        if (reply.status === 404) return { records: [], next: undefined };
        if (reply.status === 403) throw new EngramError("GRANT_REFUSED", "the miner takes this grant no more");
        return readListPage(reply, query.limit);
      },
    };
  }

  #post(miner: KnownMiner, path: string, body: object, maxBytes: number, signal: AbortSignal): Promise<HttpReply> {
    const { http, caller, deadlineMs = DEADLINE_MS } = this.#deps;
    return caller.post(http, miner, path, JSON.stringify(body), { deadlineMs, maxBytes, signal });
  }
}

function senseless(status: number): EngramError {
  return new EngramError("MINER_ANSWER", `the miner answered ${status}`, {
    fix: "look for grant1 among its capabilities",
  });
}
