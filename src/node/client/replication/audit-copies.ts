import { randomBytes } from "node:crypto";
import { isEngramError } from "../../../crypto/errors.ts";
import { toHex } from "../../../crypto/hex.ts";
import type { HeldRecord } from "../../../crypto/possession-proof.ts";
import { decodeHotkey, type Hotkey } from "../../../crypto/ss58.ts";
import { verifyStorageProof } from "../../../crypto/storage-proof.ts";
import { MAX_CHALLENGED } from "../../protocol/possession.ts";
import type { PossessionCaller, PossessionVerdict } from "../../protocol/possession-caller.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { CopyReport, CopyVerdict } from "../audits.ts";
import type { HeldCopy } from "../store/audit-operations.ts";
import { expectedRecord, isPublicCopy } from "./audit-record.ts";
import type { MinerView } from "./miner-directory.ts";
import type { RecordBuilder } from "./record-builder.ts";

export interface CheckDeps {
  readonly builder: RecordBuilder;
  readonly possession: PossessionCaller;
  /** The client's own, which proofs are bound to. */
  readonly hotkey: Hotkey;
  readonly clock: Clock;
  /** Looked at before every call. */
  readonly check: () => Promise<void>;
  readonly signal: AbortSignal;
}

/** What one miner showed of one copy. */
export interface CheckedCopy {
  readonly copy: HeldCopy;
  readonly verdict: CopyVerdict;
  readonly proof: CopyReport["proof"];
  /** The record as it must be; undefined where that is not known. */
  readonly record: HeldRecord | undefined;
}

const CHALLENGE_MS = 10_000;

/** Asks one miner about copies it confirmed. After the first call without an answer the others are not asked. */
export async function checkCopies(
  view: MinerView,
  copies: readonly HeldCopy[],
  deps: CheckDeps,
): Promise<readonly CheckedCopy[]> {
  const proof2 = view.caps.includes("proof2") && view.caps.includes("auth2");
  const known = copies.map((copy) => ({ copy, record: expectedRecord(view, copy, deps.builder) }));
  const checked: CheckedCopy[] = [];
  const provable = proof2 ? known.filter(({ record }) => record !== undefined) : [];
  let isSilent = !view.reachable || !view.trusted;
  for (let at = 0; at < provable.length; at += MAX_CHALLENGED) {
    const batch = provable.slice(at, at + MAX_CHALLENGED);
    const verdicts = isSilent ? undefined : await challengeAll(view, batch, deps);
    isSilent ||= verdicts === undefined;
    for (const [place, one] of batch.entries()) {
      checked.push({ ...one, proof: "proof2", verdict: verdicts?.[place] ?? "silent" });
    }
  }
  for (const one of known) {
    if (provable.includes(one)) continue;
    const { verdict, proof } = isSilent ? SILENT : await checkWithout(view, one, deps);
    isSilent ||= verdict === "silent";
    checked.push({ ...one, verdict, proof });
  }
  return checked;
}

const SILENT = { verdict: "silent", proof: "none" } as const;

async function challengeAll(
  { client }: MinerView,
  batch: readonly { readonly record: HeldRecord | undefined }[],
  deps: CheckDeps,
): Promise<readonly PossessionVerdict[] | undefined> {
  const records = batch.flatMap(({ record }) => record ?? []);
  return await answered(deps, () =>
    client.possession(deps.possession, records, { deadlineMs: CHALLENGE_MS, signal: deps.signal }),
  );
}

/** A miner of the reference: its hash proof where the vector is known, else whether it shows the record. */
async function checkWithout(
  view: MinerView,
  { copy, record }: { readonly copy: HeldCopy; readonly record: HeldRecord | undefined },
  deps: CheckDeps,
): Promise<Pick<CheckedCopy, "verdict" | "proof">> {
  // Private records are found by no route of the reference but its owner's list (M-W5).
  if (!isPublicCopy(copy)) return { verdict: "unprovable", proof: "none" };
  const { client } = view;
  if (record === undefined) {
    const shown = await answered(deps, async () => ({
      found: await client.retrieve(copy.cid, { signal: deps.signal }),
    }));
    return { verdict: shown === undefined ? "silent" : shown.found ? "shown" : "missing", proof: "none" };
  }
  const nonce = randomBytes(32);
  const key = decodeHotkey(deps.hotkey) ?? new Uint8Array(32);
  const expiresAt = Math.floor((deps.clock.now() + CHALLENGE_MS) / 1000);
  const asked = { nonceHex: toHex(nonce), expiresAt, keyHex: toHex(key) };
  const options = { deadlineMs: CHALLENGE_MS, signal: deps.signal };
  const answer = await answered(deps, async () => ({ proof: await client.challenge(copy.cid, asked, options) }));
  if (!answer) return { verdict: "silent", proof: "proof1" };
  if (!answer.proof) return { verdict: "missing", proof: "proof1" };
  const isProven = verifyStorageProof(answer.proof, record.embedding, nonce, key);
  return { verdict: isProven ? "held" : "wrong", proof: "proof1" };
}

/** What `ask` came to; undefined when there was no answer, or one that nobody signed or that makes no sense. */
async function answered<T>({ check, signal }: CheckDeps, ask: () => Promise<T>): Promise<T | undefined> {
  await check();
  try {
    return await ask();
  } catch (error) {
    signal.throwIfAborted();
    if (isEngramError(error)) return undefined;
    throw error;
  }
}
