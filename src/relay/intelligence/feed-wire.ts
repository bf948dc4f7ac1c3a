import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { MAX_SUBMISSION_BYTES } from "../gateway/submission-body.ts";
import { cosignature } from "../payload/schemas.ts";

/** What a gateway sends; that it has this form is all that reading proves. */

const MAX_SIGNATURES = 65;
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().min(0);
const assurance = z.enum(["quorum", "author", "payer"]);

const feedItem = z.looseObject({
  id: hash,
  seq: z.int().positive(),
  netuid: count,
  block: count,
  chain: z.string().max(200),
  output_type: z.enum(["ranking", "memory", "inference"]),
  output_hash: hash,
  assurance,
  verified: z.looseObject({
    quorum: z.looseObject({ have: count, need: count }).nullable(),
    payment: z.boolean(),
  }),
  author: cosignature.nullable(),
  cosignatures: z.array(cosignature).max(MAX_SIGNATURES),
  payer_bound: z.boolean().nullable().default(null),
  accepted_at_ms: count,
  receipt_hash: hash,
  content: z.unknown(),
});

/** An item as it was received: every word of it is a claim. */
export type ClaimedItem = z.output<typeof feedItem>;

/** One that cannot be read, under the number it goes by. */
export interface IllegibleItem {
  readonly id: string;
  readonly seq: number;
  readonly illegible: true;
}

const outline = z.looseObject({ id: hash.catch(""), seq: z.int().positive() });

/** Reads an item; undefined when not even its number is legible. */
export function readClaim(value: unknown): ClaimedItem | IllegibleItem | undefined {
  const parsed = feedItem.safeParse(value);
  if (parsed.success) return parsed.data;
  const { data } = outline.safeParse(value);
  return data && { id: data.id, seq: data.seq, illegible: true };
}

export const feedPage = z.looseObject({ external_intelligence: z.array(z.unknown()) });

/** `GET /relay/{id}` of an accepted submission. */
export const submissionState = z.looseObject({
  receipt: z.unknown(),
  /** The author's first; empty for a plain one. */
  signatures: z.array(cosignature).max(MAX_SIGNATURES),
  /** Of validators that signed after acceptance. */
  late_signatures: z.array(cosignature).max(MAX_SIGNATURES).default([]),
  submission: z.string().max(MAX_SUBMISSION_BYTES),
});
export type SubmissionState = z.output<typeof submissionState>;

/** `GET /v1/gateway`: what is asked of it is whom it has paid. */
export const gatewayPage = z.looseObject({
  price: z.looseObject({ pay_to: z.string().regex(/^0x[0-9a-fA-F]{40}$/) }).nullable(),
});

/** `GET /v1/successions`, judged by `verifySuccessions`. */
export const successionsPage = z.looseObject({ successions: z.unknown() });

/** Whether the signatures an item names are those shown with its submission. */
export function namesSignatures({ author, cosignatures }: ClaimedItem, { signatures }: SubmissionState): boolean {
  return isDeepStrictEqual(author === null ? cosignatures : [author, ...cosignatures], signatures);
}
