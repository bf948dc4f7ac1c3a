import { z } from "zod";
import { isCid } from "../../crypto/cid.ts";
import { type Hotkey, isHotkey } from "../../crypto/ss58.ts";

/** The one source of what goes over the wire (spec 14.4): the types and `docs/schemas/relay` are made from these. */

const MAX_UIDS = 4_096;
const MAX_ITEMS = 100;
const MAX_INPUTS = 100;
const MAX_TOOL_CALLS = 100;
const MAX_COSIGNATURES = 64;
const MAX_TEXT = 2_000;
const MAX_COMPLETION = 16_384;
const NAME = 200;

const hex64 = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hex digits");
const blockHash = z.string().regex(/^0x[0-9a-f]{64}$/, "must be 0x and 64 lower-case hex digits");
const uid = z.string().regex(/^(0|[1-9][0-9]{0,8})$/, "must be a uid in decimal");
const cid = z.string().max(NAME).refine(isCid, "must be a CID").meta({ pattern: "^v[0-9]+::[0-9a-f]{64}$" });
const signature = z.string().regex(/^0x[0-9a-f]{128}$/, "must be 0x and 128 lower-case hex digits");
const count = z.int().min(0);
const hotkey = z
  .string()
  .refine((text): text is Hotkey => isHotkey(text), "must be an SS58 address of prefix 42")
  .meta({ pattern: "^[1-9A-HJ-NP-Za-km-z]{48}$" });

const minerScore = z.strictObject({
  recall: z.number(),
  latency_ms: z.number().nullable(),
  proof_rate: z.number(),
});

const scores = z
  .record(uid, minerScore)
  .refine((map) => Object.keys(map).length <= MAX_UIDS, `must have at most ${MAX_UIDS} uids`);

export const rankingOutput = z.strictObject({ scores });

export const memoryItem = z.strictObject({
  cid,
  rank: z.int().min(1),
  /** Millionths, so that float text never matters. */
  score_ppm: z.int().min(-1_000_000).max(1_000_000),
  trust_tier: z.enum(["anonymous", "community", "verified", "sovereign"]),
  content_sha256: hex64,
  text: z.string().max(MAX_TEXT).nullable(),
  replicas: count,
  status: z.string().max(NAME),
});

export const memoryOutput = z.strictObject({
  query_sha256: hex64.nullable(),
  items: z.array(memoryItem).max(MAX_ITEMS),
  merkle_root: hex64.nullable(),
  miner_hotkey: hotkey,
});

const toolCall = z.strictObject({
  server: z.string().max(NAME),
  tool: z.string().max(NAME),
  arguments_sha256: hex64,
  result_sha256: hex64,
  result_cid: cid.nullable(),
  is_error: z.boolean(),
  started_at_ms: count,
  duration_ms: count,
  paid_micro_usd: count,
});

export const inferenceOutput = z.strictObject({
  request_id: z.uuid(),
  model: z.string().max(NAME),
  model_version: z.string().max(NAME),
  prompt_sha256: hex64,
  input_cids: z.array(cid).max(MAX_INPUTS),
  completion: z.string().max(MAX_COMPLETION),
  completion_sha256: hex64,
  finish_reason: z.enum(["stop", "length", "tool", "error"]),
  usage: z.strictObject({ input_tokens: count, output_tokens: count }),
  latency_ms: count,
  miner_uid: count.nullable(),
  miner_hotkey: hotkey.nullable(),
  tool_calls: z.array(toolCall).max(MAX_TOOL_CALLS),
});

export const cosignature = z.strictObject({ validator_hotkey: hotkey, signature });

/** `{block}:{uid}:{ms}` of a ranking; other outputs add a sequence number, and `-` where the signer has no uid. */
const rankingNonce = z.string().regex(/^[0-9]{1,15}:[0-9]{1,9}:[0-9]{1,15}$/, "must be block:uid:milliseconds");
const outputNonce = z
  .string()
  .regex(/^[0-9]{1,15}:([0-9]{1,9}|-):[0-9]{1,15}:[0-9]{1,15}$/, "must be block:uid:milliseconds:sequence");

const frame = {
  netuid: z.int().min(0).max(65_535),
  block: count,
  /** Unix seconds. */
  round_ts: z.number().min(0),
  output_hash: hex64,
};

const envelope = {
  validator_hotkey: hotkey,
  signature,
  signed_hash: hex64,
  cosignatures: z.array(cosignature).max(MAX_COSIGNATURES).optional(),
};

const v2Frame = {
  schema_version: z.literal("engram-v2"),
  ...frame,
  block_hash: blockHash,
  round_id: count,
};

/** Siblings a version does not name are ignored (spec 14.0): every submission is a loose object. */
export const rankingV1 = z.looseObject({
  schema_version: z.literal("engram-v1"),
  ...frame,
  nonce: rankingNonce,
  scores,
  ...envelope,
});

export const rankingV2 = z.looseObject({
  ...v2Frame,
  nonce: rankingNonce,
  output_type: z.literal("ranking"),
  output: rankingOutput,
  ...envelope,
});

export const memoryV2 = z.looseObject({
  ...v2Frame,
  nonce: outputNonce,
  output_type: z.literal("memory"),
  output: memoryOutput,
  ...envelope,
});

export const inferenceV2 = z.looseObject({
  ...v2Frame,
  nonce: outputNonce,
  output_type: z.literal("inference"),
  output: inferenceOutput,
  ...envelope,
});

export const submission = z.union([rankingV1, z.discriminatedUnion("output_type", [rankingV2, memoryV2, inferenceV2])]);
