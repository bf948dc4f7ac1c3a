import { z } from "zod";
import { fromHex } from "../../crypto/hex.ts";
import type { SubnetObject } from "../../crypto/subnet-json.ts";
import { finite, int, isTruthy, optional, readFields, subnetObject, text, vector } from "./fields.ts";
import {
  DEFAULT_LIST_LIMIT,
  DEFAULT_TOP_K,
  MAX_CID_CHARACTERS,
  MAX_LIST_LIMIT,
  MAX_LIST_OFFSET,
  MAX_TOP_K,
} from "./limits.ts";
import { claimOf, type NamespaceClaim, namespaceFields } from "./namespace-claim.ts";
import { Refusal } from "./refusal.ts";

/** spec 8.1, and three fields of ours that other miners ignore: `model`, `expires_at` and `noise`. */
export interface IngestRequest {
  readonly text: string | undefined;
  readonly rawEmbedding: readonly number[] | undefined;
  readonly metadata: SubnetObject;
  readonly modelVersion: string;
  /** The embedding profile the vector belongs to. */
  readonly model: string | undefined;
  /** Unix milliseconds; on the wire `expires_at` in unix seconds, as other times there. */
  readonly expiresAt: number | undefined;
  /** The CID a repairing validator wants back (M-W43). */
  readonly cidOverride: string | undefined;
  /** False: the sender wants none of this miner's noise on a private vector, having sealed or obfuscated it itself. */
  readonly noise: boolean;
  readonly claim: NamespaceClaim | undefined;
}

const emptyObject: SubnetObject = new Map();

export const ingestFields = namespaceFields.extend({
  text: optional(text),
  raw_embedding: optional(vector),
  metadata: optional(subnetObject),
  model_version: optional(text),
  model: optional(text),
  expires_at: optional(finite),
  cid_override: z.unknown().optional(),
  noise: z.unknown().optional(),
});

export function readIngestRequest(body: SubnetObject): IngestRequest {
  const fields = readFields(ingestFields, body);
  return {
    text: fields.text,
    rawEmbedding: fields.raw_embedding,
    metadata: fields.metadata ?? emptyObject,
    modelVersion: fields.model_version ?? "v1",
    model: fields.model,
    expiresAt: fields.expires_at === undefined ? undefined : Math.round(fields.expires_at * 1000),
    // Never refused: it is a wish of the sender, and other miners do not look at it.
    cidOverride: typeof fields.cid_override === "string" ? fields.cid_override : undefined,
    // As above: no reason to refuse.
    noise: fields.noise !== false,
    claim: claimOf(fields),
  };
}

/** spec 8.2. */
export interface QueryRequest {
  readonly queryText: string | undefined;
  readonly queryVector: readonly number[] | undefined;
  readonly topK: number;
  readonly model: string | undefined;
  readonly filter: SubnetObject | undefined;
  readonly claim: NamespaceClaim | undefined;
}

export const queryFields = namespaceFields.extend({
  query_text: optional(text),
  query_vector: optional(vector),
  top_k: optional(int.refine((value) => value >= 1 && value <= MAX_TOP_K, `must be from 1 to ${MAX_TOP_K}`)),
  model: optional(text),
  filter: z.unknown().optional(),
});

export function readQueryRequest(body: SubnetObject): QueryRequest {
  const fields = readFields(queryFields, body);
  return {
    queryText: fields.query_text,
    queryVector: fields.query_vector,
    topK: fields.top_k ?? DEFAULT_TOP_K,
    model: fields.model,
    filter: readFilter(body),
    claim: claimOf(fields),
  };
}

/** spec 8.7, and `after`: the `next` of the page before, which reads on however many records come and go. */
export interface ListRequest {
  readonly limit: number;
  readonly offset: number;
  readonly after: string | undefined;
  readonly filter: SubnetObject | undefined;
  readonly claim: NamespaceClaim | undefined;
}

export const listFields = namespaceFields.extend({
  limit: z.preprocess(
    (value) => value ?? DEFAULT_LIST_LIMIT,
    int.refine((value) => value >= 0, "must not be negative"),
  ),
  offset: z.preprocess(
    (value) => value ?? 0,
    int.refine((value) => value <= MAX_LIST_OFFSET, `must be at most ${MAX_LIST_OFFSET}; page by after instead`),
  ),
  after: optional(text.max(200, "must be the next of the page before")),
});

export function readListRequest(body: SubnetObject): ListRequest {
  const fields = readFields(listFields, body);
  return {
    limit: Math.min(fields.limit, MAX_LIST_LIMIT),
    offset: Math.max(fields.offset, 0),
    after: fields.after,
    filter: readFilter(body),
    claim: claimOf(fields),
  };
}

/** spec 8.3. */
export interface ChallengeRequest {
  readonly cid: string;
  /** 32 bytes; the reference took any number (M-W20). */
  readonly nonce: Uint8Array;
  /** Unix seconds. */
  readonly expiresAt: number;
  /** 32 bytes; zeros when the body names none. */
  readonly validatorKey: Uint8Array;
}

const thirtyTwoBytes = text.transform((hex, context) => {
  const bytes = fromHex(hex, 32);
  if (bytes) return bytes;
  context.addIssue({ code: "custom", message: "must be 64 hex digits" });
  return z.NEVER;
});

export const challengeFields = z.object({
  cid: text.max(MAX_CID_CHARACTERS, "is longer than any CID"),
  nonce_hex: thirtyTwoBytes,
  expires_at: int,
  validator_hotkey_hex: optional(thirtyTwoBytes),
});

export function readChallengeRequest(body: SubnetObject): ChallengeRequest {
  const fields = readFields(challengeFields, body);
  return {
    cid: fields.cid,
    nonce: fields.nonce_hex,
    expiresAt: fields.expires_at,
    validatorKey: fields.validator_hotkey_hex ?? new Uint8Array(32),
  };
}

/** spec 8.14. */
export interface ProveRequest {
  readonly cid: string;
  /** 64 lower-case hex digits: of other texts the leaf would be ambiguous (M-W25). */
  readonly embeddingHash: string;
}

export const proveFields = z.object({
  cid: text.min(1, "must not be empty").max(MAX_CID_CHARACTERS, "is longer than any CID"),
  embedding_hash: text.regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hex digits"),
});

export function readProveRequest(body: SubnetObject): ProveRequest {
  const { cid, embedding_hash } = readFields(proveFields, body);
  return { cid, embeddingHash: embedding_hash };
}

/** spec 8.4; blanks around the CID do not count. */
export function readRepairRequest(body: SubnetObject): { readonly cid: string } {
  const cid = readFields(repairFields, body).cid?.trim();
  if (!cid) throw new Refusal(400, "give the cid to repair");
  return { cid };
}

/** A delete names its CID in the body too: the signature covers it there, in the path it does not (M-W6). */
export interface DeleteRequest {
  readonly cid: string | undefined;
  /** Delete this namespace's copy alone; without it every copy that the signer may delete. */
  readonly namespace: string | undefined;
}

export const repairFields = z.object({ cid: optional(text.max(MAX_CID_CHARACTERS, "is longer than any CID")) });

export const deleteFields = z.object({ cid: optional(text), namespace: optional(text) });

export function readDeleteRequest(body: SubnetObject): DeleteRequest {
  const { cid, namespace } = readFields(deleteFields, body);
  return { cid, namespace };
}

/** Ignored unless it is a non-empty object (spec 8.2). */
function readFilter(body: SubnetObject): SubnetObject | undefined {
  const filter = body.get("filter");
  return filter instanceof Map && isTruthy(filter) ? filter : undefined;
}
