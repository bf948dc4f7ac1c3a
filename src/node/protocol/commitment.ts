import { z } from "zod";
import { type MerkleProof, verifyMerkleProof } from "../../crypto/merkle.ts";
import { verifyHotkeySignature } from "../../crypto/request-auth.ts";
import type { Sr25519 } from "../../crypto/sr25519.ts";
import { type Hotkey, isHotkey } from "../../crypto/ss58.ts";
import { objectFromPlain } from "../../crypto/subnet-json.ts";
import { writeCanonical } from "../../crypto/subnet-json-writer.ts";

const hash = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hex digits");

const statementSchema = z.object({
  root_hex: hash,
  /** Leaves of the tree: signed with the root, which alone does not tell them (M-W25). */
  count: z.number().int().min(0),
  /** Unix milliseconds; `built_at` of the reference says the same in seconds. */
  built_at_ms: z.number().int().min(0),
  hotkey: z.string().refine((text): text is Hotkey => isHotkey(text), "not an address"),
  chain: z.string().max(200),
});

const signedSchema = statementSchema.extend({ signature: z.string().max(200) });

/** What a miner states about its public records (spec 8.13): the reference's fields, and what a signature needs. */
export type CommitmentStatement = z.infer<typeof statementSchema>;
export type SignedCommitment = z.infer<typeof signedSchema>;

/** The bytes the miner's hotkey signs. */
export function commitmentMessage({ root_hex, count, built_at_ms, hotkey, chain }: CommitmentStatement): Uint8Array {
  const document = objectFromPlain({ root_hex, count, built_at_ms, hotkey, chain });
  return Buffer.from(`engram-commitment/1:${writeCanonical(document)}`, "utf8");
}

/** The commitment in a reply's JSON when the hotkey it names signed it; anything else is `undefined`. */
export function verifyCommitment(sr25519: Sr25519, value: unknown): SignedCommitment | undefined {
  const signed = signedSchema.safeParse(value);
  if (!signed.success) return undefined;
  const { hotkey, signature } = signed.data;
  return verifyHotkeySignature(sr25519, hotkey, commitmentMessage(signed.data), signature) ? signed.data : undefined;
}

/** More steps than any tree has. */
const MAX_STEPS = 64;

const proofSchema = z.object({
  leaf_hex: hash,
  steps: z.array(z.object({ sibling: hash, side: z.enum(["left", "right"]) })).max(MAX_STEPS),
});

const proveSchema = z.object({ cid: z.string(), proof: z.string().max(16_384) });

/** The proof's text as it travels: compact, keys in order (spec 8.14). */
export function proofText({ leaf_hex, steps }: MerkleProof): string {
  return JSON.stringify({ leaf_hex, steps: steps.map(({ sibling, side }) => ({ sibling, side })) });
}

/**
 * The signed commitment of a `/prove-memory` reply when it proves that the record is among what it commits to; anything
 * else is `undefined`. Whose it is and how old, the caller compares.
 */
export function verifyInclusion(
  sr25519: Sr25519,
  value: unknown,
  record: { readonly cid: string; readonly embeddingHash: string },
): SignedCommitment | undefined {
  const commitment = verifyCommitment(sr25519, value);
  const reply = proveSchema.safeParse(value);
  if (!commitment || !reply.success || reply.data.cid !== record.cid) return undefined;
  const proof = proofSchema.safeParse(jsonOf(reply.data.proof));
  const claim = { ...record, root: commitment.root_hex, count: commitment.count };
  return proof.success && verifyMerkleProof(proof.data, claim) ? commitment : undefined;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
