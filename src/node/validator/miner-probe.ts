import { randomBytes } from "node:crypto";
import { z } from "zod";
import { toHex } from "../../crypto/hex.ts";
import { signRequestBody } from "../../crypto/request-auth.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import { verifyStorageProof } from "../../crypto/storage-proof.ts";
import type { Clock } from "../runtime/clock.ts";
import type { HttpClient } from "../runtime/http-client.ts";
import type { Canary, CanaryGroup } from "./canaries.ts";
import { RECALL_K } from "./scoring.ts";

/** A validator's own hotkey. */
export interface ValidatorIdentity {
  readonly hotkey: Hotkey;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

export interface ProbeDeps {
  readonly http: HttpClient;
  readonly identity: ValidatorIdentity;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** How long one call may take; a challenge lives as long (spec 2.2). */
export const CALL_MS = 10_000;
const MAX_REPLY_BYTES = 1_048_576;

const ingestReply = z.object({ cid: z.string() });
const proofReply = z.object({ embedding_hash: z.string(), proof: z.string() });
const queryReply = z.object({ results: z.array(z.object({ cid: z.string().max(200) })).max(1_000) });

/** What a query came to: the CIDs in order, and the time it took here (V-W2). */
export interface QueryAnswer {
  readonly cids: readonly string[];
  readonly latencyMs: number;
}

/** Calls one miner. What it answers wrongly, or does not answer, is `null` or `false` and costs it alone (V-W1). */
export class MinerProbe {
  readonly #deps: ProbeDeps;
  readonly #url: string;

  constructor(deps: ProbeDeps, url: string) {
    this.#deps = deps;
    this.#url = url;
  }

  /** Whether the miner says that it holds the canary now. */
  async place({ cid, embedding }: Canary, expiresAt: number): Promise<boolean> {
    const body = { raw_embedding: Array.from(embedding), metadata: {}, expires_at: Math.floor(expiresAt / 1000) };
    return (await this.#call("IngestSynapse", body, ingestReply))?.reply.cid === cid;
  }

  /** Whether the miner proved the canary to this validator, for this nonce (spec 3.5). */
  async challenge({ cid, embedding }: Canary): Promise<boolean> {
    const { identity, clock } = this.#deps;
    const nonce = randomBytes(32);
    const body = {
      cid,
      nonce_hex: toHex(nonce),
      expires_at: Math.floor((clock.now() + CALL_MS) / 1000),
      validator_hotkey_hex: toHex(identity.publicKey),
    };
    const answer = await this.#call("ChallengeSynapse", body, proofReply);
    return answer !== null && verifyStorageProof(answer.reply, embedding, nonce, identity.publicKey);
  }

  async query({ centre }: CanaryGroup): Promise<QueryAnswer | null> {
    const body = { query_vector: Array.from(centre), top_k: RECALL_K };
    const answer = await this.#call("QuerySynapse", body, queryReply);
    return answer && { cids: answer.reply.results.map(({ cid }) => cid), latencyMs: answer.latencyMs };
  }

  async #call<T extends z.ZodType>(endpoint: string, fields: object, schema: T) {
    const { http, identity, clock, signal } = this.#deps;
    // Signed anew for each miner and each call: nobody can use it again, and no wait before makes it stale (V-W5).
    const bodyText = signRequestBody({
      bodyText: JSON.stringify(fields),
      endpoint,
      nonce: clock.now(),
      hotkey: identity.hotkey,
      sign: (message) => identity.sign(message),
    });
    const started = performance.now();
    try {
      const url = `${this.#url}/${endpoint}`;
      const reply = await http.postJson(url, bodyText, { deadlineMs: CALL_MS, maxBytes: MAX_REPLY_BYTES, signal });
      const latencyMs = performance.now() - started;
      const read = reply.status === 200 ? schema.safeParse(JSON.parse(reply.text)) : undefined;
      return read?.success ? { reply: read.data, latencyMs } : null;
    } catch {
      // A stopping validator must not hold its own stop against the miner.
      signal.throwIfAborted();
      return null;
    }
  }
}
