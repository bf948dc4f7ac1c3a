import type { PossessionVerdict } from "../protocol/possession-caller.ts";

/**
 * What a miner showed of a copy: those of a challenge; `shown`: it shows the record, which proves less; `unprovable`:
 * this miner has no proof for it (the reference's cannot be asked about private records, and a miner of another model
 * made its own vector); `silent`: it did not answer.
 */
export type CopyVerdict = PossessionVerdict | "shown" | "unprovable" | "silent";

/** How a public copy stands to its miner's signed Merkle root. */
type InclusionVerdict = "included" | "absent" | "unsigned" | "silent";

/** One record of a memory at one miner. */
export interface CopyReport {
  /** The memory; the record's own name where it is a tombstone or a namespace's description. */
  readonly id: string;
  readonly cid: string;
  readonly part: number;
  readonly miner: string;
  /** The one in this process: it shares the disk, and its copy counts for nothing. */
  readonly embedded?: true;
  readonly visibility: "private" | "public";
  readonly verdict: CopyVerdict;
  /** What it was asked for: all bytes of the record, the reference's hash of its vector, or neither. */
  readonly proof: "proof2" | "proof1" | "none";
  /** Of public records that were asked about; private ones are in no tree. */
  readonly inclusion?: {
    readonly verdict: InclusionVerdict;
    readonly root?: string;
    readonly count?: number;
    /** Unix milliseconds. */
    readonly builtAt?: number;
  };
}

export interface VerifyReport {
  /** Unix milliseconds. */
  readonly at: number;
  /** True when there are copies and every one of them was shown to be held. */
  readonly ok: boolean;
  /** Copies that were looked at, by what came of it. */
  readonly counts: { readonly [verdict in CopyVerdict]?: number };
  /** At most `MAX_LISTED`, what failed first. */
  readonly copies: readonly CopyReport[];
  /** Copies that are not listed. */
  readonly more: number;
  /** Names that are no memory and no CID of a copy. */
  readonly missing: readonly string[];
  /** Memories of which no miner has confirmed a copy. */
  readonly uncopied: readonly string[];
}

/** Copies that a report lists. */
export const MAX_LISTED = 1_000;

/** What the daily audit of the own copies has come to. */
export interface AuditStatus {
  /** Unix milliseconds of the last one. */
  readonly at: number;
  readonly counts: VerifyReport["counts"];
  /** Copies that were lost and are pushed again. */
  readonly repushed: number;
  /** Copies that were not looked at within 30 days. */
  readonly overdue: number;
}

/** Memories to verify: ids, their unique beginnings, or CIDs; or all of this home. */
export type VerifySelection = { readonly names: readonly string[] } | { readonly all: true };

/** Proves that miners hold this home's records. */
export interface Audits {
  /** Asks every miner that confirmed a copy; what turns out to be lost is pushed again. Errors: the store's. */
  verify(selection: VerifySelection, options?: { readonly signal?: AbortSignal }): Promise<VerifyReport>;
  /** Null before the first audit. */
  status(): Promise<AuditStatus | null>;
}

/** Whether the copy is gone from a miner that answered. */
export function isLost(verdict: CopyVerdict): boolean {
  return verdict === "missing" || verdict === "hash_only" || verdict === "wrong";
}
