import { z } from "zod";
import type { ScoreCommit, ScoreOpening } from "../../../crypto/score-opening.ts";
import { type Hotkey, isHotkey } from "../../../crypto/ss58.ts";
import { Refusal } from "../../protocol/refusal.ts";

export const COMMIT_PATH = "/consensus/commit";
export const VECTOR_PATH = "/consensus/vector";

const MAX_SCORES = 4_096;
/** An hour; a query is given up long before. */
const MAX_LATENCY_MS = 3_600_000;
/** As many validators as a subnet has. */
const MAX_SEEN = 64;

const hotkey = z.custom<Hotkey>((value) => typeof value === "string" && isHotkey(value), "must be a hotkey");
const digest = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 hex digits");
const signature = z.string().regex(/^0x[0-9a-f]{128}$/, "must be 0x and 128 hex digits");
const roundName = z.object({
  chain: z.string().min(1).max(200),
  netuid: z.int().min(0).max(65_535),
  round_id: z.int().min(0),
});

function byUid<T extends z.ZodType>(value: T) {
  return z
    .record(z.string().regex(/^(0|[1-9][0-9]{0,4})$/, "must be a uid"), value)
    .refine((map) => Object.keys(map).length <= MAX_SCORES, "has too many uids")
    .transform((map) => new Map(Object.entries(map).map(([uid, one]) => [Number(uid), one as z.output<T>])))
    .refine((map) => [...map.keys()].every((uid) => uid <= 65_535), "names what is no uid");
}
/** Beyond 0 to 1 nothing is a score (V-W22). */
const share = z.number().min(0).max(1);

const commitShape = roundName
  .extend({ validator_hotkey: hotkey, hash: digest, signature })
  .transform(({ round_id: roundId, validator_hotkey: validatorHotkey, ...rest }): NamedCommit => {
    return { ...rest, roundId, validatorHotkey };
  });

const openingShape = roundName
  .extend({
    vector: z.object({
      validator_hotkey: hotkey,
      block: z.int().min(1, "must not be 0"),
      scores: byUid(share),
      timestamp_ms: z.int().min(0),
      signature,
    }),
    latency_ms: byUid(z.number().min(0).max(MAX_LATENCY_MS).nullable()),
    proof_rate: byUid(share),
    challenges: byUid(z.int().min(0)),
    salt: digest,
    seen: z.array(commitShape).max(MAX_SEEN).default([]),
  })
  .transform(
    ({ chain, netuid, round_id: roundId, vector, salt, challenges, seen, ...rest }, context): OpeningMessage => {
      const parts = [rest.latency_ms, rest.proof_rate, challenges];
      if (!parts.every((part) => [...part.keys()].every((uid) => vector.scores.has(uid)))) {
        context.addIssue({ code: "custom", message: "must score the same uids throughout" });
      }
      const { validator_hotkey: validatorHotkey, timestamp_ms: timestampMs, ...signed } = vector;
      return {
        opening: {
          ...{ chain, netuid, roundId, salt, challenges, latencies: rest.latency_ms, proofRates: rest.proof_rate },
          vector: { ...signed, validatorHotkey, timestampMs },
        },
        sender: validatorHotkey,
        seen,
      };
    },
  );

export type NamedCommit = ScoreCommit & { readonly validatorHotkey: Hotkey };

export interface OpeningMessage {
  readonly opening: ScoreOpening;
  readonly sender: Hotkey;
  /** Commits of the round that the sender was given: whoever said another thing to somebody else is found out. */
  readonly seen: readonly NamedCommit[];
}

/** Throws `Refusal` 400. */
export function readCommit(text: string): NamedCommit {
  return read(commitShape, text);
}

/** Throws `Refusal` 400. */
export function readOpening(text: string): OpeningMessage {
  return read(openingShape, text);
}

export function commitText(commit: ScoreCommit): string {
  return JSON.stringify(wireCommit(commit));
}

export function openingText(opening: ScoreOpening, seen: readonly ScoreCommit[] = []): string {
  const { chain, netuid, roundId, vector, latencies, proofRates, challenges, salt } = opening;
  const { validatorHotkey, block, scores, timestampMs, signature: signed } = vector;
  return JSON.stringify({
    ...{ chain, netuid, round_id: roundId, salt },
    vector: {
      ...{ validator_hotkey: validatorHotkey, block, scores: Object.fromEntries(scores) },
      ...{ timestamp_ms: timestampMs, signature: signed },
    },
    latency_ms: Object.fromEntries(latencies),
    proof_rate: Object.fromEntries(proofRates),
    challenges: Object.fromEntries(challenges),
    seen: seen.slice(0, MAX_SEEN).map(wireCommit),
  });
}

const answer = z.object({ in_return: z.string().nullable().default(null) });

/** The answer to a commit or an opening: the receiver's own of the round, as text, where it may be told. */
export function answerText(inReturn: string | null): string {
  return JSON.stringify({ status: "kept", in_return: inReturn });
}

/** Throws `Refusal` 400. */
export function readAnswer(text: string): string | null {
  return read(answer, text).in_return;
}

function wireCommit({ chain, netuid, roundId, validatorHotkey, hash, signature: signed }: ScoreCommit) {
  return { chain, netuid, round_id: roundId, validator_hotkey: validatorHotkey, hash, signature: signed };
}

function read<T extends z.ZodType>(schema: T, text: string): z.output<T> {
  const parsed = schema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new Refusal(400, `${issue?.path.join(".") || "the body"} ${issue?.message ?? "is malformed"}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal(400, "the body is not JSON");
  }
}
