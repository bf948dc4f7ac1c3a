import { randomBytes } from "node:crypto";
import { openEnvelope } from "../../../crypto/envelope.ts";
import { isEngramError } from "../../../crypto/errors.ts";
import { toHex } from "../../../crypto/hex.ts";
import { isCommitted, manifestMessage, type ShareManifest, verifyManifest } from "../../../crypto/key-shares.ts";
import type { Share } from "../../../crypto/shamir.ts";
import type { Sr25519 } from "../../../crypto/sr25519.ts";
import type { Hotkey } from "../../../crypto/ss58.ts";
import { x25519Pair } from "../../../crypto/x25519.ts";
import type { SealedShare } from "../../protocol/key-share-messages.ts";
import type { MinerView } from "../replication/miner-directory.ts";
import type { HolderAnswer } from "./key-shares.ts";
import type { ShareCalls } from "./share-calls.ts";

/** A share that is the one its owner made. Holds secret bytes: print nothing of it. */
interface ProvenShare {
  readonly manifest: ShareManifest;
  readonly share: Share;
}

/** All proven shares of one split. */
export interface ShareGroup {
  readonly manifest: ShareManifest;
  /** One an index. */
  readonly shares: readonly Share[];
}

export interface CollectedShares {
  /** The newest split first. */
  readonly groups: readonly ShareGroup[];
  readonly holders: readonly { readonly hotkey: Hotkey; readonly answer: HolderAnswer }[];
}

interface Deps {
  readonly calls: ShareCalls;
  readonly sr25519: Sr25519;
  readonly signal: AbortSignal;
}

/**
 * Asks every one of `views` for its shares of a namespace, not only as many as are needed: what counts is what the
 * owner signed, never what a miner says about threshold, index or epoch (F4, M-W26).
 */
export async function collectShares(
  views: readonly MinerView[],
  split: { readonly wireName: string; readonly owner: Hotkey },
  deps: Deps,
): Promise<CollectedShares> {
  const answers = await Promise.all(
    views.map(async (view) => ({ hotkey: view.miner.hotkey, ...(await ask(view, split, deps)) })),
  );
  return {
    groups: grouped(answers.flatMap(({ shares }) => shares)),
    holders: answers.map(({ hotkey, answer }) => ({ hotkey, answer })),
  };
}

interface Answer {
  readonly answer: HolderAnswer;
  readonly shares: readonly ProvenShare[];
}

async function ask(
  { miner, reachable }: MinerView,
  split: { readonly wireName: string; readonly owner: Hotkey },
  { calls, sr25519, signal }: Deps,
): Promise<Answer> {
  if (!reachable) return { answer: "unreachable", shares: [] };
  // Of this request alone: whoever records the reply can open it with no key that lasts.
  const { publicKey, privateKey } = x25519Pair(randomBytes(32));
  try {
    const message = { namespace: split.wireName, reply_key: toHex(publicKey) };
    const sealed = await calls.retrieve(miner, message, signal);
    if (sealed === undefined) return { answer: "refused", shares: [] };
    if (sealed.length === 0) return { answer: "none", shares: [] };
    const shares = sealed.flatMap((one) => prove(one, privateKey, split, sr25519) ?? []);
    return { answer: shares.length === sealed.length ? "share" : "lied", shares };
  } catch (error) {
    signal.throwIfAborted();
    const lied = isEngramError(error, "MINER_ANSWER") || isEngramError(error, "REPLY_UNSIGNED");
    return { answer: lied ? "lied" : "unreachable", shares: [] };
  }
}

function prove(
  { manifest, manifest_signature, sealed_share, share_index }: SealedShare,
  privateKey: Uint8Array,
  { wireName, owner }: { readonly wireName: string; readonly owner: Hotkey },
  sr25519: Sr25519,
): ProvenShare | undefined {
  if (manifest.namespace !== wireName) return undefined;
  if (!verifyManifest(sr25519, { manifest, signature: manifest_signature }, owner)) return undefined;
  try {
    const share = { index: share_index, bytes: openEnvelope(sealed_share, privateKey) };
    return isCommitted(manifest, share) ? { manifest, share } : undefined;
  } catch {
    return undefined;
  }
}

/** By what was signed: two splits of one epoch are two groups, and shares of different epochs never mix. */
function grouped(proven: readonly ProvenShare[]): readonly ShareGroup[] {
  const byManifest = new Map<string, { readonly manifest: ShareManifest; readonly shares: Map<number, Share> }>();
  for (const { manifest, share } of proven) {
    const key = Buffer.from(manifestMessage(manifest)).toString("utf8");
    const group = byManifest.get(key) ?? { manifest, shares: new Map() };
    byManifest.set(key, group);
    group.shares.set(share.index, share);
  }
  return [...byManifest.values()]
    .map(({ manifest, shares }) => ({ manifest, shares: [...shares.values()] }))
    .sort((left, right) => right.manifest.epoch - left.manifest.epoch);
}
