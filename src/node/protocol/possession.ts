import { z } from "zod";
import type { BatchProofEntry } from "../../crypto/batch-proof.ts";
import { fromHex } from "../../crypto/hex.ts";
import type { SubnetObject } from "../../crypto/subnet-json.ts";
import { int, readFields, text } from "./fields.ts";
import { MAX_CID_CHARACTERS } from "./limits.ts";

/** Records in one challenge: answering reads each of them whole. */
export const MAX_CHALLENGED = 64;
/** 64 CIDs as long as any, and the other fields. */
export const MAX_POSSESSION_BODY_BYTES = 32 * 1024;
/** 64 entries of four texts. */
export const MAX_POSSESSION_REPLY_BYTES = 128 * 1024;

/** The header by which a challenge over auth2 is told from one of spec 8.3. */
export const AUTH2_HEADER = "X-Bittensor-Version";

/** `POST /ChallengeSynapse` over auth2 (capability `proof2`): several records, bound to who asks and who answers. */
export interface PossessionRequest {
  readonly cids: readonly string[];
  /** 32 bytes. */
  readonly nonce: Uint8Array;
  /** Unix seconds. */
  readonly expiresAt: number;
}

const nonceHex = text.transform((hex, context) => {
  const bytes = fromHex(hex, 32);
  if (bytes) return bytes;
  context.addIssue({ code: "custom", message: "must be 64 hex digits" });
  return z.NEVER;
});

const requestFields = z.object({
  cids: z
    .array(text.min(1, "must not be empty").max(MAX_CID_CHARACTERS, "is longer than any CID"), "must be a list")
    .min(1, "must name a record")
    .max(MAX_CHALLENGED, `must name at most ${MAX_CHALLENGED} records`),
  nonce_hex: nonceHex,
  // It goes into the proof as 64 bits.
  expires_at: int.refine((value) => value >= 0 && Number.isSafeInteger(value), "must be unix seconds"),
});

export function readPossessionRequest(body: SubnetObject): PossessionRequest {
  const fields = readFields(requestFields, body);
  return { cids: fields.cids, nonce: fields.nonce_hex, expiresAt: fields.expires_at };
}

/** An entry of the reply: the batch proof of spec 3, and `proof2` over all bytes of the record. */
export interface PossessionEntry extends BatchProofEntry {
  readonly proof2: string;
}

const entry = z.object({ cid: z.string(), embedding_hash: z.string(), proof: z.string(), proof2: z.string() });
const replySchema = z.object({ nonce_hex: z.string(), entries: z.array(entry.nullable()).max(MAX_CHALLENGED) });

/** Entries in the order of the request's CIDs, null where the record is not there. */
export interface PossessionReply {
  readonly nonce_hex: string;
  readonly entries: readonly (PossessionEntry | null)[];
}

/** Undefined when the text is no such reply. */
export function readPossessionReply(replyText: string): PossessionReply | undefined {
  try {
    return replySchema.safeParse(JSON.parse(replyText)).data;
  } catch {
    return undefined;
  }
}
