import { createHash } from "node:crypto";
import { canonicalScoreVector, type SignedScoreVector } from "./consensus-message.ts";
import { toHex } from "./hex.ts";
import { verifyHotkeySignature } from "./request-auth.ts";
import type { Sr25519 } from "./sr25519.ts";
import type { Hotkey } from "./ss58.ts";
import type { SubnetJson } from "./subnet-json.ts";
import { writeCanonical } from "./subnet-json-writer.ts";

/** Which round of which subnet on which chain: nothing that is said of one counts for another. */
export interface RoundName {
  readonly chain: string;
  readonly netuid: number;
  readonly roundId: number;
}

/** All that a validator measured in a round, and the salt that hid it. By uid. */
export interface ScoreOpening extends RoundName {
  /** Recall, signed in the wire's own form (spec 9.1). */
  readonly vector: SignedScoreVector;
  /** Milliseconds; null where nothing was answered. */
  readonly latencies: ReadonlyMap<number, number | null>;
  readonly proofRates: ReadonlyMap<number, number>;
  readonly challenges: ReadonlyMap<number, number>;
  /** 64 hex digits. */
  readonly salt: string;
}

/** The first step: a validator binds itself to its scores before it sees anybody else's. */
export interface ScoreCommit extends RoundName {
  readonly validatorHotkey: string;
  /** `openingHash`, 64 hex digits. */
  readonly hash: string;
  /** `0x` and 128 hex digits. Two commits of one round prove that their validator said two things. */
  readonly signature: string;
}

/** What a commit hides: SHA-256 over the canonical JSON of everything but the vector's signature. */
export function openingHash(opening: ScoreOpening): string {
  const { chain, netuid, roundId, vector, latencies, proofRates, challenges, salt } = opening;
  const document = new Map<string, SubnetJson>([
    ["chain", chain],
    ["challenges", byUid(challenges, (count) => BigInt(count))],
    ["latency_ms", byUid(latencies, (latency) => latency)],
    ["netuid", BigInt(netuid)],
    ["proof_rate", byUid(proofRates, (rate) => rate)],
    ["round_id", BigInt(roundId)],
    ["salt", salt],
    ["vector", canonicalScoreVector(vector)],
  ]);
  return createHash("sha256")
    .update(`engram-consensus-opening:v1\n${writeCanonical(document)}`)
    .digest("hex");
}

export function signScoreCommit(
  { chain, netuid, roundId, hash }: RoundName & { readonly hash: string },
  signer: { readonly hotkey: Hotkey; sign(message: Uint8Array): Uint8Array },
): ScoreCommit {
  const plain = { chain, netuid, roundId, hash };
  const signature = `0x${toHex(signer.sign(commitMessage(plain)))}`;
  return { ...plain, validatorHotkey: signer.hotkey, signature };
}

/** Whether the commit's own hotkey signed it. */
export function verifyScoreCommit(sr25519: Sr25519, commit: ScoreCommit): boolean {
  return verifyHotkeySignature(sr25519, commit.validatorHotkey, commitMessage(commit), commit.signature);
}

function commitMessage({ chain, netuid, roundId, hash }: RoundName & { readonly hash: string }): Uint8Array {
  return Buffer.from(`engram-consensus-commit:v1:${chain}:${netuid}:${roundId}:${hash}`, "utf8");
}

function byUid<T>(map: ReadonlyMap<number, T>, write: (value: T) => SubnetJson): SubnetJson {
  return new Map([...map].map(([uid, value]): [string, SubnetJson] => [String(uid), write(value)]));
}
