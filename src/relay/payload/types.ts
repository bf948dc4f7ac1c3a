import type { z } from "zod";
import type { Hotkey } from "../../crypto/ss58.ts";
import type { SubnetObject } from "../../crypto/subnet-json.ts";
import type { cosignature, inferenceOutput, memoryItem, memoryOutput, rankingOutput } from "./schemas.ts";

export type OutputType = "ranking" | "memory" | "inference";
export type SchemaVersion = "engram-v1" | "engram-v2";

/**
 * How far a receiver may trust an item: `quorum` validators agreed, `author` one hotkey signed it, `payer` somebody
 * paid (design: relay).
 */
export type Assurance = "quorum" | "author" | "payer";

type RankingOutput = Readonly<z.infer<typeof rankingOutput>>;
export type MemoryItem = Readonly<z.infer<typeof memoryItem>>;
type MemoryOutput = Readonly<z.infer<typeof memoryOutput>>;
export type ToolCall = InferenceOutput["tool_calls"][number];
export type InferenceOutput = Readonly<z.infer<typeof inferenceOutput>>;
/** `signature` covers `cosignMessage` (spec 14.0), not the bare hash. */
export type Cosignature = Readonly<z.infer<typeof cosignature>>;

/** What a payload is about. */
export type Output =
  | { readonly type: "ranking"; readonly output: RankingOutput }
  | { readonly type: "memory"; readonly output: MemoryOutput }
  | { readonly type: "inference"; readonly output: InferenceOutput };

/** A nonce's parts (spec 11.1, 14.4). */
export interface NonceParts {
  readonly block: number;
  /** Null where an author has none. */
  readonly uid: number | null;
  readonly ms: number;
  /** Null for rankings. */
  readonly sequence: number | null;
}

/**
 * An output as signed, of either version, read from its wire text. That its shape is right is all that reading
 * proves; `verifyPayload` checks hashes and signature.
 */
export interface SignedPayload {
  readonly schemaVersion: SchemaVersion;
  readonly netuid: number;
  readonly block: number;
  /** Null in v1, which names none. */
  readonly blockHash: string | null;
  /** `floor(block / 50)` (spec 14.0). */
  readonly roundId: number;
  /** Unix seconds. */
  readonly roundTs: number;
  readonly nonce: string;
  readonly nonceParts: NonceParts;
  readonly content: Output;
  readonly outputHash: string;
  readonly validatorHotkey: Hotkey;
  /** `0x` and 128 hex digits. */
  readonly signature: string;
  readonly signedHash: string;
  readonly cosignatures: readonly Cosignature[];
  /** The version's named body keys with their number tokens: what `signedHash` is the hash of. */
  readonly body: SubnetObject;
}
