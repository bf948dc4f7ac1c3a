import { z } from "zod";
import { signRequestBody } from "../../../crypto/request-auth.ts";
import { copyMessageText } from "../../protocol/copy-message.ts";
import { objectText, valueText } from "../../protocol/reply-text.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { HttpClient, HttpReply } from "../../runtime/http-client.ts";
import type { MinerDeps } from "../miner-options.ts";
import type { CopyOutcome } from "./copy-operations.ts";
import { isCidOf, type PublicCopy } from "./public-copy.ts";

export interface CopySenderDeps {
  readonly http: HttpClient;
  readonly identity: MinerDeps["identity"];
  readonly clock: Clock;
  readonly model: string;
}

/** As the reference's own (spec 9.7). */
const DEADLINE_MS = 15_000;
const MAX_REPLY_BYTES = 65_536;
/** Another request would be needed. */
const REFUSED: ReadonlySet<number> = new Set([400, 404, 405, 410, 413, 415, 422]);

const ingestReply = z.object({ cid: z.string().nullable(), error: z.string().nullish() });

/** What one call came to; `silent` when the miner did not answer at all. */
export interface Sent {
  readonly outcome: CopyOutcome;
  readonly silent?: true;
  readonly reason?: string;
}

/** Pushes public records to other miners, and takes them back. Every call is signed anew (M-W37) and has a deadline. */
export class CopySender {
  readonly #deps: CopySenderDeps;

  constructor(deps: CopySenderDeps) {
    this.#deps = deps;
  }

  /** POST /IngestSynapse (spec 9.7); `done` only when the miner names the record's own CID (M-W13). */
  async push(url: string, record: PublicCopy, signal: AbortSignal): Promise<Sent> {
    const body = copyMessageText({ ...record, model: this.#deps.model });
    return this.#attempt(async () => {
      const reply = await this.#deps.http.postJson(`${url}/IngestSynapse`, this.#signed(body, "IngestSynapse"), {
        ...{ deadlineMs: DEADLINE_MS, maxBytes: MAX_REPLY_BYTES, signal },
      });
      if (reply.status !== 200) return refusal(reply);
      const answer = ingestReply.safeParse(jsonOf(reply.text));
      if (!answer.success) return { outcome: "later", reason: "the miner's answer makes no sense" };
      const { cid, error } = answer.data;
      if (error !== null && error !== undefined) return { outcome: "later", reason: "the miner refused the record" };
      if (cid !== null && isCidOf(cid, record)) return { outcome: "done" };
      return { outcome: "over", reason: "the miner answered with the CID of something else" };
    });
  }

  /** DELETE /retrieve/{cid} (spec 8.6), as who brought it; 404 is as good. */
  async remove(url: string, cid: string, signal: AbortSignal): Promise<Sent> {
    const body = this.#signed(objectText({ cid: valueText(cid) }), "DeleteSynapse");
    return this.#attempt(async () => {
      const limits = { deadlineMs: DEADLINE_MS, maxBytes: MAX_REPLY_BYTES, signal };
      const reply = await this.#deps.http.delete(`${url}/retrieve/${encodeURIComponent(cid)}`, body, limits);
      return [200, 404].includes(reply.status) ? { outcome: "done" } : refusal(reply);
    });
  }

  #signed(bodyText: string, endpoint: string): string {
    const { identity, clock } = this.#deps;
    const sign = (message: Uint8Array) => identity.sign(message);
    return signRequestBody({ bodyText, endpoint, nonce: clock.now(), hotkey: identity.hotkey, sign });
  }

  async #attempt(call: () => Promise<Sent>): Promise<Sent> {
    try {
      return await call();
    } catch {
      return { outcome: "later", silent: true, reason: "the miner does not answer" };
    }
  }
}

function refusal({ status }: HttpReply): Sent {
  const reason = `the miner answered ${status}`;
  if (REFUSED.has(status)) return { outcome: "over", reason };
  // A limit is by the minute: the rest would be refused as well.
  return status === 429 ? { outcome: "later", silent: true, reason } : { outcome: "later", reason };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
