import { z } from "zod";
import type { SignedScoreVector } from "../../crypto/consensus-message.ts";
import { type Hotkey, isHotkey } from "../../crypto/ss58.ts";
import { Refusal } from "../protocol/refusal.ts";

export const VECTOR_PATH = "/consensus/vector";

const MAX_UID = 65_535;
const MAX_SCORES = 4_096;

const uidKey = z.string().regex(/^(0|[1-9][0-9]{0,4})$/, "must be a uid");
const hotkey = z.custom<Hotkey>((value) => typeof value === "string" && isHotkey(value), "must be a hotkey");

/** A vector as validators send it (spec 9.1), and the chain it is of. Scores beyond 0 to 1 are none (V-W22). */
const vectorMessage = z.object({
  chain: z.string().max(200),
  vector: z.object({
    validator_hotkey: hotkey,
    block: z.int().min(0),
    scores: z
      .record(uidKey, z.number().min(0).max(1))
      .refine((scores) => Object.keys(scores).length <= MAX_SCORES, "has too many scores")
      .transform((scores) => new Map(Object.entries(scores).map(([uid, score]) => [Number(uid), score])))
      .refine((scores) => [...scores.keys()].every((uid) => uid <= MAX_UID), "names what is no uid"),
    timestamp_ms: z.int().min(0),
    signature: z.string().regex(/^0x[0-9a-f]{128}$/, "must be 0x and 128 hex digits"),
  }),
});

export interface VectorMessage {
  readonly chain: string;
  readonly vector: SignedScoreVector & { readonly validatorHotkey: Hotkey };
}

/** Throws `Refusal` 400. */
export function readVectorMessage(text: string): VectorMessage {
  const read = vectorMessage.safeParse(parsed(text));
  if (!read.success) {
    const issue = read.error.issues[0];
    throw new Refusal(400, `${issue?.path.join(".") || "the body"} ${issue?.message ?? "is malformed"}`);
  }
  const { chain, vector } = read.data;
  const { validator_hotkey: validatorHotkey, timestamp_ms: timestampMs, ...rest } = vector;
  return { chain, vector: { ...rest, validatorHotkey, timestampMs } };
}

export function vectorMessageText(chain: string, vector: SignedScoreVector): string {
  const { validatorHotkey, timestampMs, scores, ...rest } = vector;
  return JSON.stringify({
    chain,
    vector: {
      ...rest,
      validator_hotkey: validatorHotkey,
      timestamp_ms: timestampMs,
      scores: Object.fromEntries(scores),
    },
  });
}

/** The answer to a vector: one in return, as `vectorMessageText` wrote it, or null. */
export function vectorAnswerText(inReturn: string | null): string {
  return JSON.stringify({ status: "kept", in_return: inReturn });
}

const vectorAnswer = z.object({ in_return: z.string().nullable().default(null) });

/** Throws `Refusal` 400. */
export function readVectorAnswer(text: string): VectorMessage | null {
  const read = vectorAnswer.safeParse(parsed(text));
  if (!read.success) throw new Refusal(400, "the answer is malformed");
  return read.data.in_return === null ? null : readVectorMessage(read.data.in_return);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal(400, "the body is not JSON");
  }
}
