import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import type { Cosignature } from "../payload/types.ts";
import { receiptSchema } from "../receipt.ts";
import { SUBMISSION_STATES, type Submission } from "./outbox-types.ts";

const row = z.object({
  job: z.string(),
  chain: z.string(),
  schema_version: z.enum(["engram-v1", "engram-v2"]),
  output_type: z.enum(["ranking", "memory", "inference"]),
  output_json: z.string(),
  output_hash: z.string(),
  assurance: z.enum(["quorum", "author", "payer"]),
  netuid: z.int(),
  block: z.int(),
  block_hash: z.string(),
  round_id: z.int(),
  state: z.enum(SUBMISSION_STATES),
  signed_hash: z.string().nullable(),
  body: z.string().nullable(),
  attempts: z.int(),
  polls: z.int(),
  accept_new_terms: z.int(),
  next_at: z.int(),
  created_at: z.int(),
  released_at: z.int().nullable(),
  first_submit_at: z.int().nullable(),
  http_ack_at: z.int().nullable(),
  ended_at: z.int().nullable(),
  last_http_code: z.int().nullable(),
  last_error: z.string().nullable(),
  receipt_json: z.string().nullable(),
  payer: z.string().nullable(),
  anchor_block: z.int().nullable(),
  anchor_hash: z.string().nullable(),
  anchor_sent_at: z.int().nullable(),
  traceparent: z.string().nullable(),
});

/** A row of the outbox as the rest of the relay sees it. Throws `SUBMISSION_UNREADABLE`. */
export function submissionOf(value: unknown, cosignatures: readonly Cosignature[]): Submission {
  const { data: found, error: cause } = row.safeParse(value);
  if (!found) {
    throw new EngramError("SUBMISSION_UNREADABLE", "an entry of the outbox is damaged, or of a newer version", {
      cause,
    });
  }
  return {
    job: found.job,
    chain: found.chain,
    schemaVersion: found.schema_version,
    outputType: found.output_type,
    outputJson: found.output_json,
    outputHash: found.output_hash,
    assurance: found.assurance,
    payer: found.payer,
    netuid: found.netuid,
    block: found.block,
    blockHash: found.block_hash,
    roundId: found.round_id,
    traceparent: found.traceparent,
    state: found.state,
    signedHash: found.signed_hash,
    body: found.body,
    cosignatures,
    attempts: found.attempts,
    polls: found.polls,
    anchor:
      found.anchor_block === null || found.anchor_hash === null
        ? null
        : { number: found.anchor_block, hash: found.anchor_hash },
    anchorSentAt: found.anchor_sent_at,
    acceptNewTerms: found.accept_new_terms === 1,
    nextAt: found.next_at,
    createdAt: found.created_at,
    releasedAt: found.released_at,
    firstSubmitAt: found.first_submit_at,
    httpAckAt: found.http_ack_at,
    endedAt: found.ended_at,
    lastHttpCode: found.last_http_code,
    lastError: found.last_error,
    receipt: found.receipt_json === null ? null : receiptSchema.parse(JSON.parse(found.receipt_json)),
  };
}
