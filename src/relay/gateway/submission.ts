import type { Hotkey } from "../../crypto/ss58.ts";
import type { Assurance, OutputType, SchemaVersion } from "../payload/types.ts";
import type { Votes } from "../quorum.ts";
import type { QuorumSignature, Receipt } from "../receipt.ts";

/** A submission whose form, hash and signatures were checked: what it says about the chain was not. */
export interface Submission {
  readonly signedHash: string;
  readonly schemaVersion: SchemaVersion;
  readonly outputType: OutputType;
  readonly outputHash: string;
  /** What it asks to be: only the checks that belong to it make it so. */
  readonly assurance: Assurance;
  readonly netuid: number;
  readonly block: number;
  /** Null in v1, which names none. */
  readonly blockHash: string | null;
  readonly roundId: number;
  readonly nonce: string;
  /** The uid that the nonce names; null where it names none. */
  readonly nonceUid: number | null;
  /** Who signed it; null for a plain paid one. */
  readonly hotkey: Hotkey | null;
  /** The author's signature and the co-signatures, each verified, one a hotkey; empty for a plain one. */
  readonly signatures: readonly QuorumSignature[];
  /** The body exactly as it came. */
  readonly wire: string;
  /** The output as JSON text. */
  readonly content: string;
}

/**
 * What it lacks: signatures, its anchor on the chain, or payment. `settling`: everything but the payment is checked, and
 * its nonce and round are held for it.
 */
export type SubmissionState = "pending_quorum" | "pending_chain" | "payment_due" | "settling" | "accepted";

/** What the gateway keeps of a submission at one assurance. */
export interface StoredSubmission
  extends Pick<
    Submission,
    "signedHash" | "assurance" | "outputType" | "outputHash" | "netuid" | "block" | "hotkey" | "signatures"
  > {
  readonly state: SubmissionState;
  /** What counts now, late signatures included. */
  readonly votes: Votes | null;
  /** Signatures of validators that came after acceptance: the receipt does not cover them. */
  readonly lateSignatures: readonly QuorumSignature[];
  readonly anchored: boolean;
  /** Wire text and output; null once the gateway kept them long enough. */
  readonly wire: string | null;
  readonly content: string | null;
  /** Unix milliseconds. */
  readonly receivedAt: number;
  /** Null until it is accepted. */
  readonly receipt: Receipt | null;
}

const RANK: Readonly<Record<Assurance, number>> = { payer: 0, author: 1, quorum: 2 };

/** Whether `assurance` says at least as much as `least`. */
export function isAtLeast(assurance: Assurance, least: Assurance): boolean {
  return RANK[assurance] >= RANK[least];
}

/** The assurances that say at least as much as `least`. */
export function assurancesFrom(least: Assurance): readonly Assurance[] {
  return (["payer", "author", "quorum"] as const).filter((assurance) => isAtLeast(assurance, least));
}

/** Both lists, one signature a hotkey; the first one found counts (sr25519 signatures of one message differ). */
export function mergeSignatures(
  first: readonly QuorumSignature[],
  second: readonly QuorumSignature[],
): readonly QuorumSignature[] {
  const known = new Set(first.map(({ validator_hotkey }) => validator_hotkey));
  return [...first, ...second.filter(({ validator_hotkey }) => !known.has(validator_hotkey))];
}
