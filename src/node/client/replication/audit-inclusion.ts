import { embeddingHash } from "../../../crypto/embedding-hash.ts";
import { isEngramError } from "../../../crypto/errors.ts";
import type { Sr25519 } from "../../../crypto/sr25519.ts";
import { verifyInclusion } from "../../protocol/commitment.ts";
import { sameChain } from "../../protocol/same-chain.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { CopyReport } from "../audits.ts";
import type { CheckedCopy } from "./audit-copies.ts";
import { isPublicCopy } from "./audit-record.ts";
import type { MinerView } from "./miner-directory.ts";

export interface InclusionDeps {
  readonly sr25519: Sr25519;
  readonly chain: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A signed root that is older was kept for the occasion. */
const RECENT_MS = 5 * 60_000;
const DEADLINE_MS = 10_000;

/** Whether a public copy is in the tree whose root its miner signs; undefined for what is in no tree. */
export async function checkInclusion(
  view: MinerView,
  { copy, record, verdict }: CheckedCopy,
  { sr25519, chain, clock, signal }: InclusionDeps,
): Promise<CopyReport["inclusion"]> {
  if (!isPublicCopy(copy) || record === undefined || verdict === "silent") return undefined;
  const leaf = { cid: record.cid, embeddingHash: embeddingHash(record.embedding) };
  try {
    const reply = await view.client.proveMemory(leaf.cid, leaf.embeddingHash, { signal, deadlineMs: DEADLINE_MS });
    if (reply === undefined) return { verdict: "absent" };
    const signed = verifyInclusion(sr25519, reply, leaf);
    const isOwn = signed?.hotkey === view.miner.hotkey && sameChain(chain, signed.chain);
    if (!signed || !isOwn || Math.abs(clock.now() - signed.built_at_ms) > RECENT_MS) return { verdict: "unsigned" };
    return { verdict: "included", root: signed.root_hex, count: signed.count, builtAt: signed.built_at_ms };
  } catch (error) {
    signal.throwIfAborted();
    if (isEngramError(error, "MINER_ANSWER")) return { verdict: "unsigned" };
    if (isEngramError(error)) return { verdict: "silent" };
    throw error;
  }
}
