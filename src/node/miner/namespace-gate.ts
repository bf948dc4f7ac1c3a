import { isDerivedNamespaceName, isNamespaceName, isReservedNamespaceName } from "../../crypto/namespace-name.ts";
import {
  isWithinWindow,
  NAMESPACE_WINDOW_MS,
  namespaceMessage,
  verifyHotkeySignature,
} from "../../crypto/request-auth.ts";
import type { Sr25519 } from "../../crypto/sr25519.ts";
import { type Hotkey, isHotkey } from "../../crypto/ss58.ts";
import { MAX_NAMESPACE_CHARACTERS, MAX_SEEN_SIGNATURES } from "../protocol/limits.ts";
import type { NamespaceClaim } from "../protocol/namespace-claim.ts";
import type { Clock } from "../runtime/clock.ts";
import { SingleUse } from "../runtime/single-use.ts";
import type { NamespaceRegistry } from "../vectors/embedded/namespace-registry.ts";
import type { NamespaceKeys } from "./namespace-keys.ts";

declare const owned: unique symbol;

/** A private namespace whose owner has just proved to be the owner. */
export type OwnedNamespace = string & { readonly [owned]: true };

/** Why a claim failed. `fields`, `signature` are about the request alone; `owner` depends on what this miner holds. */
export class NamespaceRefused extends Error {
  override readonly name = "NamespaceRefused";
  readonly reason: "legacy" | "reserved" | "fields" | "signature" | "name" | "owner";

  constructor(reason: NamespaceRefused["reason"], sentence: string) {
    super(sentence);
    this.reason = reason;
  }
}

interface Deps {
  readonly namespaces: NamespaceRegistry;
  readonly namespaceKeys: NamespaceKeys;
  readonly sr25519: Sr25519;
  readonly clock: Clock;
}

/** Turns claims to private namespaces into proofs (spec 6.2), failing closed (M-W12). */
export class NamespaceGate {
  readonly #deps: Deps;
  readonly #startedAt: number;
  readonly #seen = new SingleUse(MAX_SEEN_SIGNATURES);

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#startedAt = deps.clock.now();
  }

  /** For reading. An unknown namespace and somebody else's are refused alike. Throws `NamespaceRefused`. */
  async open(claim: NamespaceClaim, caller: Hotkey | null): Promise<OwnedNamespace> {
    const signer = this.#verify(claim, caller);
    if ((await this.#deps.namespaces.ownerOf(claim.name)) === signer) return claim.name as OwnedNamespace;
    throw new NamespaceRefused("owner", "no such namespace of yours here");
  }

  /**
   * For querying: as `open`, and a namespace of the old scheme opens to its key, so that what is in it can be read
   * (spec 6.3). No other route takes a key, and a body with anything of a signature is never judged by its key.
   */
  async openToQuery(claim: NamespaceClaim, caller: Hotkey | null): Promise<OwnedNamespace> {
    const { name, legacyKey } = claim;
    if (!legacyKey || hasSignatureFields(claim)) return this.open(claim, caller);
    refuseReserved(name);
    if (await this.#deps.namespaceKeys.opens(name, legacyKey)) return name as OwnedNamespace;
    throw new NamespaceRefused("legacy", LEGACY);
  }

  /** For ingesting: an unknown namespace becomes the signer's (spec 6.4). Throws `NamespaceRefused`. */
  async openOrClaim(claim: NamespaceClaim, caller: Hotkey | null): Promise<OwnedNamespace> {
    return this.ownOrClaim(claim.name, this.#verify(claim, caller));
  }

  /** As `openOrClaim`, for a signer whose signature over the whole request was verified before. */
  async ownOrClaim(name: string, signer: Hotkey): Promise<OwnedNamespace> {
    refuseReserved(name);
    const owner = (await this.#deps.namespaces.ownerOf(name)) ?? (await this.#claim(name, signer));
    if (owner === signer) return name as OwnedNamespace;
    throw new NamespaceRefused("owner", "this namespace has another owner here; choose another name");
  }

  /** Whether a new namespace may be called so (spec 6.1, M-W33). */
  isUsableName(name: string): boolean {
    return isNamespaceName(name) && !isReservedNamespaceName(name) && name.length <= MAX_NAMESPACE_CHARACTERS;
  }

  async #claim(name: string, signer: Hotkey): Promise<Hotkey | null> {
    if (!this.isUsableName(name)) {
      throw new NamespaceRefused(
        "name",
        `a namespace name has letters, digits and _ only, no digit first, at most ${MAX_NAMESPACE_CHARACTERS} in all`,
      );
    }
    const { owner } = await this.#deps.namespaces.claimNamespace(name, signer, this.#deps.clock.now());
    return owner;
  }

  #verify(claim: NamespaceClaim, caller: Hotkey | null): Hotkey {
    const { name, hotkey, signature, timestampMs } = claim;
    refuseReserved(name);
    if (hotkey === undefined || signature === undefined || !timestampMs) {
      if (claim.legacyKey && !hasSignatureFields(claim)) throw new NamespaceRefused("legacy", LEGACY);
      throw new NamespaceRefused(
        "fields",
        "a private namespace needs namespace_hotkey, namespace_sig and namespace_timestamp_ms",
      );
    }
    // Its signature alone covers neither body nor route: whoever saw it at one miner could write and read at another. Whom
    // such a name belongs to signs every request whole, so one without that was stripped (F3).
    if (caller === null && isDerivedNamespaceName(name)) {
      throw new NamespaceRefused(
        "fields",
        "requests for this namespace are signed whole: add hotkey, nonce, signature",
      );
    }
    return this.#verifySignature(name, { hotkey, signature, timestampMs }, caller);
  }

  #verifySignature(
    name: string,
    proof: { readonly hotkey: string; readonly signature: string; readonly timestampMs: bigint },
    caller: Hotkey | null,
  ): Hotkey {
    const now = this.#deps.clock.now();
    const { hotkey, signature, timestampMs } = proof;
    const message = namespaceMessage(name, timestampMs);
    const valid =
      isWithinWindow(now, timestampMs, NAMESPACE_WINDOW_MS) &&
      // Signatures used before a restart are forgotten, so none from before it is taken (M-W10).
      timestampMs >= this.#startedAt &&
      isHotkey(hotkey) &&
      // A captured namespace signature must not be put into somebody else's signed request.
      (caller === null || caller === hotkey) &&
      verifyHotkeySignature(this.#deps.sr25519, hotkey, message, signature);
    if (!valid || !this.#isFirstUse(signature, Number(timestampMs), now)) {
      throw new NamespaceRefused(
        "signature",
        "the namespace signature is wrong, too old or used already; sign again with a fresh timestamp",
      );
    }
    return hotkey;
  }

  #isFirstUse(signature: string, timestampMs: number, now: number): boolean {
    // One spelling for one signature: 0x and letter case change nothing.
    const spelling = signature.toLowerCase().replace(/^0x/, "");
    return this.#seen.use([spelling], timestampMs + NAMESPACE_WINDOW_MS, now) === "first";
  }
}

const LEGACY =
  "a namespace key opens nothing here but an old namespace of its own, to query it: whoever sees the key reads the data; sign with namespace_hotkey instead";

function hasSignatureFields({ hotkey, signature, timestampMs }: NamespaceClaim): boolean {
  return hotkey !== undefined || signature !== undefined || Boolean(timestampMs);
}

function refuseReserved(name: string): void {
  if (isReservedNamespaceName(name)) throw new NamespaceRefused("reserved", "names that begin with __ are reserved");
}
