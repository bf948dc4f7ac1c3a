import type { SignedScoreVector } from "../../../crypto/consensus-message.ts";
import type { Hotkey } from "../../../crypto/ss58.ts";
import type { MinerScore } from "../../ports.ts";
import type { ProofRecord } from "../proof-record.ts";
import type { Reputation } from "../reputation.ts";

/** What is known of a miner over all rounds. */
export interface MinerState extends ProofRecord {
  readonly hotkey: Hotkey;
  /** Null before the first agreed round. */
  readonly average: number | null;
  readonly reputation: Reputation | null;
}

/** How far a round has come; each stage is durable before the next begins. `agreed`: it ended, by its verdict. */
export type RoundStage = "measured" | "agreed" | "done" | "orphaned";

/**
 * How a round ended: enough validators agreed (`quorum`), too few spoke to ask for their agreement (`alone`), or those
 * who spoke disagree (`refused`). Only a quorum is relayed.
 */
export type Verdict = "quorum" | "alone" | "refused";

/** A round as it is kept. */
export interface KeptRound {
  readonly roundId: number;
  readonly block: number;
  readonly blockHash: string;
  readonly measured: ReadonlyMap<number, MinerScore>;
  /** Behind each proof rate. Null in rounds of an earlier program. */
  readonly challenges: ReadonlyMap<number, number> | null;
  readonly ownVector: SignedScoreVector;
  /** What hides the scores until they are opened, and the signed commit to them: the same after a restart. */
  readonly salt: string;
  readonly ownCommit: string;
  /** Who had each uid when it was measured. */
  readonly hotkeys: ReadonlyMap<number, Hotkey>;
  /** When the scores first left this validator; null while they are hidden. */
  readonly openedAt: number | null;
  /** Null until the round ended. */
  readonly verdict: Verdict | null;
  readonly agreed: ReadonlyMap<number, MinerScore> | null;
  readonly weights: ReadonlyMap<number, number> | null;
  readonly stage: RoundStage;
}

export interface MinerRow {
  readonly hotkey: Hotkey;
  readonly average: number | null;
  readonly proofs: string;
  readonly reputation: string | null;
}

export interface RoundRow {
  readonly round_id: number;
  readonly block: number;
  readonly block_hash: string;
  readonly measured: string;
  readonly challenges: string | null;
  readonly own_vector: string;
  readonly salt: string;
  readonly own_commit: string;
  readonly hotkeys: string;
  readonly opened_at: number | null;
  readonly verdict: Verdict | null;
  readonly agreed: string | null;
  readonly weights: string | null;
  readonly stage: RoundStage;
}

export function minerOf({ reputation, ...row }: MinerRow): MinerState {
  return { ...row, reputation: reputation === null ? null : (JSON.parse(reputation) as Reputation) };
}

export function minerRow({ reputation, ...state }: MinerState): MinerRow {
  return { ...state, reputation: reputation === null ? null : JSON.stringify(reputation) };
}

export function roundOf(row: RoundRow): KeptRound {
  return {
    roundId: row.round_id,
    block: row.block,
    blockHash: row.block_hash,
    measured: mapOf<MinerScore>(row.measured),
    challenges: row.challenges === null ? null : mapOf<number>(row.challenges),
    ownVector: vectorOf(row.own_vector),
    salt: row.salt,
    ownCommit: row.own_commit,
    hotkeys: mapOf<Hotkey>(row.hotkeys),
    openedAt: row.opened_at,
    verdict: row.verdict,
    agreed: row.agreed === null ? null : mapOf<MinerScore>(row.agreed),
    weights: row.weights === null ? null : mapOf<number>(row.weights),
    stage: row.stage,
  };
}

export function mapText(map: ReadonlyMap<number, unknown>): string {
  return JSON.stringify([...map]);
}

export function vectorText(vector: SignedScoreVector): string {
  return JSON.stringify({ ...vector, scores: [...vector.scores] });
}

function vectorOf(text: string): SignedScoreVector {
  const { scores, ...rest } = JSON.parse(text) as Omit<SignedScoreVector, "scores"> & {
    readonly scores: readonly (readonly [number, number])[];
  };
  return { ...rest, scores: new Map(scores) };
}

function mapOf<T>(text: string): ReadonlyMap<number, T> {
  return new Map(JSON.parse(text) as readonly (readonly [number, T])[]);
}
