import { openEnvelope, sealEnvelope } from "../../../crypto/envelope.ts";
import { fromHex } from "../../../crypto/hex.ts";
import { isCommitted, type SignedManifest, verifyManifest } from "../../../crypto/key-shares.ts";
import type { Sr25519 } from "../../../crypto/sr25519.ts";
import type { Hotkey } from "../../../crypto/ss58.ts";
import type { X25519Pair } from "../../../crypto/x25519.ts";
import {
  readManifest,
  type SealedShare,
  type ShareCommit,
  type ShareDeposit,
  type ShareRetrieve,
} from "../../protocol/key-share-messages.ts";
import { Refusal } from "../../protocol/refusal.ts";
import type { Secret } from "../../runtime/secret.ts";
import type { NamespaceRegistry } from "../../vectors/embedded/namespace-registry.ts";
import { type NamespaceGate, NamespaceRefused } from "../namespace-gate.ts";
import type { KeepOutcome } from "./share-operations.ts";
import type { ShareStore } from "./share-store.ts";

export interface ShareKeeperDeps {
  readonly shares: ShareStore;
  /** What shares are sealed to on their way here. */
  readonly shareKeys: Secret<X25519Pair>;
  readonly namespaces: NamespaceRegistry;
  readonly namespaceGate: NamespaceGate;
  readonly sr25519: Sr25519;
}

const CONFLICTS: Readonly<Record<Exclude<KeepOutcome, "kept">, string>> = {
  lower: "a newer epoch of this namespace's shares is held here or was revoked; split again with a higher epoch",
  taken: "another share of this epoch is held here; split again with a higher epoch",
  full: "this miner holds as many of your shares as one owner may have; ask another miner",
};

/** Keeps key shares for namespaces' owners (spec 8.8, 8.9; M-W26). Every caller's hotkey was verified by `auth2`. */
export class ShareKeeper {
  readonly #deps: ShareKeeperDeps;

  constructor(deps: ShareKeeperDeps) {
    this.#deps = deps;
  }

  /** Durable when it resolves. Throws `Refusal` 400, 403, 409. */
  async keep(deposit: ShareDeposit, sender: Hotkey): Promise<void> {
    const { shares } = this.#deps;
    const { manifest, manifest_signature: manifestSignature, share_index: index, sealed_share: sealed } = deposit;
    this.#check(deposit, { manifest, signature: manifestSignature }, sender);
    const { namespace, epoch } = manifest;
    await this.#claim(namespace, sender);
    const share = { namespace, epoch, owner: sender, index, sealed, manifest: JSON.stringify(manifest) };
    const outcome = await shares.call("keep", {
      share: { ...share, manifestSignature },
      keepEpoch: deposit.keep_epoch,
    });
    if (outcome !== "kept") throw new Refusal(409, CONFLICTS[outcome]);
  }

  /**
   * Drops the sender's older shares of this namespace; their bytes are off the disk then. Of one's own namespace older
   * epochs are not taken again: that is how a split is revoked too, by committing to the epoch after it.
   */
  async commit({ namespace, commit_epoch }: ShareCommit, sender: Hotkey): Promise<void> {
    const { shares, namespaces } = this.#deps;
    const remember = (await namespaces.ownerOf(namespace)) === sender;
    await shares.call("commit", { namespace, owner: sender, epoch: commit_epoch, remember });
  }

  /** The sender's own shares, the newest epoch first, sealed to the request's key. Throws `Refusal` 404. */
  async retrieve({ namespace, reply_key }: ShareRetrieve, sender: Hotkey): Promise<readonly SealedShare[]> {
    const { shares, namespaces } = this.#deps;
    const owned = (await namespaces.ownerOf(namespace)) === sender;
    const held = owned ? await shares.call("held", { namespace, owner: sender }) : [];
    // Another's namespace and an unknown one look alike (M-W5).
    if (held.length === 0) throw new Refusal(404, "no share of such a namespace of yours here");
    return held.map(({ index, sealed, manifest, manifestSignature }) => ({
      share_index: index,
      sealed_share: this.#reseal(sealed, reply_key),
      manifest: readManifest(manifest),
      manifest_signature: manifestSignature,
    }));
  }

  /** What is kept must be what the owner made, or the owner would learn of it only when it is needed. */
  #check({ share_index: index, sealed_share }: ShareDeposit, signed: SignedManifest, sender: Hotkey): void {
    if (!verifyManifest(this.#deps.sr25519, signed, sender)) {
      throw new Refusal(403, "the manifest is not signed by the sender; the owner of a namespace splits its key");
    }
    if (index > signed.manifest.total) throw new Refusal(400, "share_index is above the manifest's total");
    if (!isCommitted(signed.manifest, { index, bytes: this.#open(sealed_share) })) {
      throw new Refusal(400, "the share is not the one the manifest commits to");
    }
  }

  #open(sealed: string): Uint8Array {
    try {
      return openEnvelope(sealed, this.#deps.shareKeys.reveal().privateKey);
    } catch {
      throw new Refusal(400, "sealed_share does not open; seal it to the x25519 key in GET /health");
    }
  }

  #reseal(sealed: string, replyKey: string): string {
    const share = openEnvelope(sealed, this.#deps.shareKeys.reveal().privateKey);
    try {
      return sealEnvelope(share, fromHex(replyKey, 32) ?? new Uint8Array());
    } catch {
      throw new Refusal(400, "reply_key is no X25519 public key");
    }
  }

  /** Owners may split before they ever ingested here: the first signed word takes a free name (spec 6.4). */
  async #claim(namespace: string, sender: Hotkey): Promise<void> {
    try {
      await this.#deps.namespaceGate.ownOrClaim(namespace, sender);
    } catch (error) {
      throw error instanceof NamespaceRefused ? new Refusal(403, error.message) : error;
    }
  }
}
