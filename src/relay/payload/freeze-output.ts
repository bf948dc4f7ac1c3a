import type { z } from "zod";
import type { Cid } from "../../crypto/cid.ts";
import { EngramError } from "../../crypto/errors.ts";
import { pythonRound } from "../../crypto/python-round.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import { objectFromPlain, type SubnetJson, type SubnetObject } from "../../crypto/subnet-json.ts";
import type { TrustTier } from "../../crypto/trust-tier.ts";
import type { PublicMemory } from "../../node/client/replication/public-record.ts";
import { outputHash, sha256Hex } from "./hashes.ts";
import { inferenceOutput, memoryOutput } from "./schemas.ts";
import type { InferenceOutput, MemoryItem, OutputType } from "./types.ts";

declare const frozenBrand: unique symbol;

/** What is relayed, with its number tokens and its hash; only the functions of this file make one. */
export interface FrozenOutput {
  readonly [frozenBrand]: true;
  readonly type: OutputType;
  readonly document: SubnetObject;
  /** `output_hash`. */
  readonly hash: string;
}

/** A score as a validator measured it; a `bigint` is an int on the wire, a `number` a float (spec 1.5). */
export interface RawScore {
  readonly recall: number | bigint | null;
  readonly latencyMs: number | bigint | null;
  readonly proofRate: number | bigint | null;
}

export type RawScores = ReadonlyMap<number, RawScore>;

/** The scores with the precision that is hashed: the wire then says nothing the hash does not cover (V-W36). */
export function roundScores(scores: RawScores): RawScores {
  const rounded = (value: number | bigint | null, places: 3 | 6) =>
    value === null ? null : pythonRound(Number(value), places);
  return new Map(
    [...scores].map(([uid, { recall, latencyMs, proofRate }]) => [
      uid,
      {
        recall: rounded(recall, 6) || 0,
        latencyMs: rounded(latencyMs, 3),
        proofRate: rounded(proofRate, 6) || 0,
      },
    ]),
  );
}

/** A ranking, its values as given: round them first. Throws `SCORES_INVALID` for what is not finite (V-W36). */
export function freezeRanking(scores: RawScores): FrozenOutput {
  const document = new Map<string, SubnetJson>();
  for (const [uid, { recall, latencyMs, proofRate }] of [...scores].sort(([left], [right]) => left - right)) {
    const values = [recall, latencyMs, proofRate];
    if (
      !Number.isSafeInteger(uid) ||
      uid < 0 ||
      values.some((value) => value !== null && !Number.isFinite(Number(value)))
    ) {
      throw new EngramError("SCORES_INVALID", "a score is not a finite number, or its uid is no uid", {
        fix: "leave a miner without a measurement out instead of scoring it NaN or Infinity",
      });
    }
    document.set(
      String(uid),
      new Map([
        ["recall", recall],
        ["latency_ms", latencyMs],
        ["proof_rate", proofRate],
      ]),
    );
  }
  return frozen("ranking", new Map([["scores", document]]));
}

/** A memory as it was found at miners. Private memories are not assignable, and are refused at run time too. */
export interface MemoryEvidence {
  readonly memory: PublicMemory;
  readonly cid: Cid;
  /** Cosine similarity in [-1, 1]. */
  readonly score: number;
  readonly tier: TrustTier;
  readonly replicas: number;
  readonly status: string;
}

export interface MemorySource {
  /** SHA-256 of the query's text, where there was one. */
  readonly querySha256: string | null;
  readonly merkleRoot: string | null;
  readonly minerHotkey: Hotkey;
}

/** Longer texts are named by their hash alone. */
const MAX_TEXT = 2_000;

/** Public memories, best first. Errors: `MEMORY_PRIVATE`, `OUTPUT_INVALID`. */
export function freezeMemory(evidence: readonly MemoryEvidence[], source: MemorySource): FrozenOutput {
  const items = evidence.map(({ memory, cid, score, tier, replicas, status }, index): MemoryItem => {
    if (memory.visibility !== "public") {
      throw new EngramError("MEMORY_PRIVATE", "a private memory is never relayed", {
        fix: "store what is to be published with public: true",
      });
    }
    return {
      cid,
      rank: index + 1,
      score_ppm: Math.round(score * 1_000_000),
      trust_tier: tier,
      content_sha256: sha256Hex(memory.text),
      text: memory.text.length <= MAX_TEXT ? memory.text : null,
      replicas,
      status,
    };
  });
  const { querySha256, merkleRoot, minerHotkey } = source;
  const output = { query_sha256: querySha256, items, merkle_root: merkleRoot, miner_hotkey: minerHotkey };
  return frozen("memory", objectFromPlain(valid(memoryOutput, output)));
}

/** What a model answered; `completion_sha256` is made here. Errors: `OUTPUT_INVALID`. */
export function freezeInference(output: Omit<InferenceOutput, "completion_sha256">): FrozenOutput {
  const complete = { ...output, completion_sha256: sha256Hex(output.completion) };
  return frozen("inference", objectFromPlain(valid(inferenceOutput, complete)));
}

/** An output that was frozen before, read back from where it was kept. */
export function thawOutput(type: OutputType, document: SubnetObject): FrozenOutput {
  return frozen(type, document);
}

function frozen(type: OutputType, document: SubnetObject): FrozenOutput {
  return { type, document, hash: outputHash(type, document) } as FrozenOutput;
}

function valid<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new EngramError("OUTPUT_INVALID", `this output cannot be relayed: ${issue?.path.join(".")} ${issue?.message}`, {
    fix: "shorten it, or leave that part out",
  });
}
