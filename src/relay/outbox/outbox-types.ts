import type { BlockRef } from "../../node/ports.ts";
import type { Assurance, Cosignature, OutputType, SchemaVersion } from "../payload/types.ts";
import type { Receipt } from "../receipt.ts";

/**
 * `held` waits for finality, `ready` is signed, `cosigning` collects signatures, `anchoring` has its quorum and waits
 * for its anchor to be final on the chain, `submitting` is on its way, also between two attempts. The others are ends: `delivered` has a verified receipt; `parked` was refused for good and
 * `abandoned` failed too often, both kept and replayable; `orphaned` was made from a block that is gone and `skipped`
 * is of a round that cannot have a quorum for it, both never sent again; `dropped` a person gave up.
 */
export type SubmissionState =
  | "held"
  | "ready"
  | "cosigning"
  | "anchoring"
  | "submitting"
  | "delivered"
  | "parked"
  | "abandoned"
  | "orphaned"
  | "skipped"
  | "dropped";

export const SUBMISSION_STATES: readonly SubmissionState[] = [
  "held",
  "ready",
  "cosigning",
  "anchoring",
  "submitting",
  "delivered",
  "parked",
  "abandoned",
  "orphaned",
  "skipped",
  "dropped",
];

/** What is on its way; the others are ends. */
export const OPEN_STATES = ["held", "ready", "cosigning", "anchoring", "submitting"] as const;

/** What is to be relayed, as it was when it was queued; it never changes after that. */
export interface Draft {
  /** `ChainClient.identity()`. */
  readonly chain: string;
  readonly schemaVersion: SchemaVersion;
  readonly outputType: OutputType;
  /** Compact JSON in the order of the wire. */
  readonly outputJson: string;
  readonly outputHash: string;
  /** `subjectOf` the output: what is queued once. The output's hash when absent. */
  readonly subject?: string;
  readonly assurance: Assurance;
  /** Who paid this hotkey for relaying it; absent where nobody did. */
  readonly payer?: string | null;
  readonly netuid: number;
  readonly block: number;
  readonly blockHash: string;
  readonly roundId: number;
  /** The trace it was queued in; absent while no traces are made. */
  readonly traceparent?: string | null;
}

/** A submission in the outbox. Times are unix milliseconds. */
export interface Submission extends Draft {
  readonly job: string;
  readonly state: SubmissionState;
  /** Null until it is signed. */
  readonly signedHash: string | null;
  /** The signed wire text, without co-signatures; sent as it is, however often (V-W33). */
  readonly body: string | null;
  readonly cosignatures: readonly Cosignature[];
  /** Failed attempts since it was queued or replayed. */
  readonly attempts: number;
  /** Answers "pending" so far. */
  readonly polls: number;
  /** The block as of which the chain shows its anchor; null while none is known. */
  readonly anchor: BlockRef | null;
  /** When its anchor was last sent to the chain; null once it is known or known to have failed. */
  readonly anchorSentAt: number | null;
  readonly acceptNewTerms: boolean;
  readonly nextAt: number;
  readonly createdAt: number;
  readonly releasedAt: number | null;
  readonly firstSubmitAt: number | null;
  /** When the receiver first answered that it has it. */
  readonly httpAckAt: number | null;
  readonly endedAt: number | null;
  readonly lastHttpCode: number | null;
  /** A code, never text from the network. */
  readonly lastError: string | null;
  readonly receipt: Receipt | null;
}
