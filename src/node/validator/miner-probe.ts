import { randomBytes } from "node:crypto";
import { z } from "zod";
import { toHex } from "../../crypto/hex.ts";
import { type PreparedBody, signPreparedBody } from "../../crypto/request-auth.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import { verifyStorageProof } from "../../crypto/storage-proof.ts";
import type { Clock } from "../runtime/clock.ts";
import type { HttpClient } from "../runtime/http-client.ts";
import type { Canary } from "./canaries.ts";
import { ingestBody, preparedBody, queryBody } from "./vector-bodies.ts";

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

/** How long one call may take. */
export const CALL_MS = 5_000;
/** How long a challenge lives (spec 2.2): longer than the call, for the sake of clocks that are ahead. */
export const CHALLENGE_MS = 10_000;
const SMALL_REPLY_BYTES = 16_384;
/** Ten results with the metadata that a record may have. */
const MAX_QUERY_REPLY_BYTES = 1_048_576;

const ingestReply = z.object({ cid: z.string().max(200) });
const proofReply = z.object({ embedding_hash: z.string(), proof: z.string() });
const queryReply = z.object({ results: z.array(z.object({ cid: z.string().max(200) })).max(1_000) });

/** What a query came to: the CIDs in order, and the time it took here (V-W2). */
export interface QueryAnswer {
  readonly cids: readonly string[];
  readonly latencyMs: number;
}

/** What came of asking a miner to store a record: the CID it gave, or the status it refused with; null: no answer. */
export type PlaceAnswer = { readonly cid: string } | { readonly status: number } | null;

/** Calls one miner. What it answers wrongly, or does not answer, is `null` or `false` and costs it alone (V-W1). */
export class MinerProbe {
  readonly #deps: ProbeDeps;
  readonly #url: string;

  constructor(deps: ProbeDeps, url: string) {
    this.#deps = deps;
    this.#url = url;
  }

  /** Asks the miner to store a record without metadata, until `expiresAt` (unix milliseconds) when that is given. */
  async ingest(embedding: Float32Array, expiresAt?: number): Promise<PlaceAnswer> {
    const body = ingestBody(embedding, expiresAt);
    const answer = await this.#call("IngestSynapse", body, ingestReply, SMALL_REPLY_BYTES);
    if (answer === null) return null;
    return answer.reply ? { cid: answer.reply.cid } : { status: answer.status };
  }

  /** Whether the miner says that it holds the canary now. */
  async place({ cid, embedding }: Canary, expiresAt: number): Promise<boolean> {
    const answer = await this.ingest(embedding, expiresAt);
    return answer !== null && "cid" in answer && answer.cid === cid;
  }

  /** Whether the miner proved the record to this validator, for this nonce (spec 3.5). */
  async challenge({ cid, embedding }: Canary): Promise<boolean> {
    const { identity, clock } = this.#deps;
    const nonce = randomBytes(32);
    const body = preparedBody({
      cid,
      nonce_hex: toHex(nonce),
      expires_at: Math.floor((clock.now() + CHALLENGE_MS) / 1000),
      validator_hotkey_hex: toHex(identity.publicKey),
    });
    const answer = await this.#call("ChallengeSynapse", body, proofReply, SMALL_REPLY_BYTES);
    return !!answer?.reply && verifyStorageProof(answer.reply, embedding, nonce, identity.publicKey);
  }

  async query(vector: Float32Array): Promise<QueryAnswer | null> {
    const answer = await this.#call("QuerySynapse", queryBody(vector), queryReply, MAX_QUERY_REPLY_BYTES);
    if (!answer?.reply) return null;
    return { cids: answer.reply.results.map(({ cid }) => cid), latencyMs: answer.elapsedMs };
  }

  /** Null without an answer; without `reply` when the answer is none that `schema` knows. */
  async #call<T extends z.ZodType>(endpoint: string, body: PreparedBody, schema: T, maxBytes: number) {
    const { http, identity, clock, signal } = this.#deps;
    // Signed anew for each miner and each call: nobody can use it again, and no wait before makes it stale (V-W5).
    const bodyText = signPreparedBody(body, {
      endpoint,
      nonce: clock.now(),
      hotkey: identity.hotkey,
      sign: (message) => identity.sign(message),
    });
    try {
      const limits = { deadlineMs: CALL_MS, maxBytes, signal };
      const { status, text, elapsedMs } = await http.postJson(`${this.#url}/${endpoint}`, bodyText, limits);
      return { status, elapsedMs, reply: status === 200 ? read(schema, text) : undefined };
    } catch {
      // A stopping validator must not hold its own stop against the miner.
      signal.throwIfAborted();
      return null;
    }
  }
}

function read<T extends z.ZodType>(schema: T, text: string): z.output<T> | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
