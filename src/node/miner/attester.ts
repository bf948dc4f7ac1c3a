import {
  attestationMessage,
  isWithinWindow,
  NAMESPACE_WINDOW_MS,
  verifyHotkeySignature,
} from "../../crypto/request-auth.ts";
import type { Sr25519 } from "../../crypto/sr25519.ts";
import { type Hotkey, isHotkey } from "../../crypto/ss58.ts";
import { type TrustTier, trustTier } from "../../crypto/trust-tier.ts";
import { MAX_SEEN_SIGNATURES } from "../protocol/limits.ts";
import type { AttestRequest } from "../protocol/namespace-requests.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { Clock } from "../runtime/clock.ts";
import { SingleUse } from "../runtime/single-use.ts";
import type { Attestation, NamespaceRegistry } from "../vectors/embedded/namespace-registry.ts";
import type { ChainView } from "./chain-view.ts";
import { type NamespaceGate, NamespaceRefused } from "./namespace-gate.ts";

/** What the chain says about an owner now: nothing of it is kept, so nothing of it gets old (spec 6.5). */
export interface Standing {
  readonly tier: TrustTier;
  readonly stakeTao: number;
}

interface Deps {
  readonly namespaces: NamespaceRegistry;
  readonly namespaceGate: NamespaceGate;
  readonly chainView: ChainView;
  readonly sr25519: Sr25519;
  readonly clock: Clock;
}

/** Attestations: an owner says in the open that a namespace is theirs, and their stake stands behind it (spec 6.5). */
export class Attester {
  readonly #deps: Deps;
  readonly #startedAt: number;
  readonly #seen = new SingleUse(MAX_SEEN_SIGNATURES);

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#startedAt = deps.clock.now();
  }

  /**
   * Durable when it resolves. The namespace's owner alone can attest it, and a free name becomes the signer's as by a
   * first ingest (M-W8). Throws `Refusal` 400, 403, 429.
   */
  async attest(request: AttestRequest, admit: (hotkey: Hotkey) => Promise<void>): Promise<Standing> {
    const { namespaces, namespaceGate, clock } = this.#deps;
    const owner = this.#verify(request);
    await admit(owner);
    try {
      await namespaceGate.ownOrClaim(request.namespace, owner);
    } catch (error) {
      if (!(error instanceof NamespaceRefused)) throw error;
      throw new Refusal(error.reason === "owner" ? 403 : 400, error.message);
    }
    await namespaces.attest(request.namespace, owner, clock.now());
    return this.#standingOf(owner);
  }

  /** Null for a namespace whose owner did not attest it. */
  async show(namespace: string): Promise<(Attestation & Standing) | null> {
    const attestation = await this.#deps.namespaces.attestationOf(namespace);
    return attestation && { ...attestation, ...(await this.#standingOf(attestation.owner)) };
  }

  async tierOf(namespace: string): Promise<TrustTier> {
    return (await this.show(namespace))?.tier ?? "anonymous";
  }

  /** A chain that does not answer gives nobody a tier (spec 6.6). */
  async #standingOf(owner: Hotkey): Promise<Standing> {
    const stakeTao = (await this.#deps.chainView.neuron(owner))?.stakeTao ?? 0;
    return { tier: trustTier(stakeTao), stakeTao };
  }

  #verify({ namespace, ownerHotkey, signature, timestampMs }: AttestRequest): Hotkey {
    const now = this.#deps.clock.now();
    // Signatures used before a restart are forgotten, so none from before it is taken (M-W10).
    if (!isWithinWindow(now, timestampMs, NAMESPACE_WINDOW_MS) || timestampMs < this.#startedAt) {
      throw new Refusal(400, "timestamp_ms is more than 60 seconds from this miner's clock; sign again");
    }
    const message = attestationMessage(namespace, timestampMs);
    if (!isHotkey(ownerHotkey) || !verifyHotkeySignature(this.#deps.sr25519, ownerHotkey, message, signature)) {
      throw new Refusal(400, "the signature is not the owner_hotkey's over engram-attest:namespace:timestamp_ms");
    }
    const use = this.#seen.use([ownerHotkey, message], Number(timestampMs) + NAMESPACE_WINDOW_MS, now);
    if (use === "used") throw new Refusal(400, "this signature was used already; sign again with a fresh timestamp");
    if (use === "full") throw new Refusal(429, "too many attestations; wait", { retryAfterSeconds: 60 });
    return ownerHotkey;
  }
}
