import type { Sr25519 } from "../../crypto/sr25519.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import type { ChainClient } from "../ports.ts";
import { isOwnersWord, type SignedGrant } from "../protocol/namespace-grant.ts";
import { Refusal } from "../protocol/refusal.ts";
import { sameChain } from "../protocol/same-chain.ts";
import type { Clock } from "../runtime/clock.ts";
import type { NamespaceRegistry } from "../vectors/embedded/namespace-registry.ts";
import type { OwnedNamespace } from "./namespace-gate.ts";

interface Deps {
  readonly namespaces: NamespaceRegistry;
  readonly chain: ChainClient;
  readonly sr25519: Sr25519;
  readonly clock: Clock;
}

/** How far an owner's clock may be ahead. */
const AHEAD_MS = 5 * 60_000;

/** Opens private namespaces for readers whom their owner granted them (capability `grant1`). */
export class GrantGate {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /**
   * For reading alone. What a grant itself lacks is a 403 that says what; an owner who does not own the namespace here
   * signed nothing that counts, so that namespace and an unknown one are one 404 (M-W5). Throws `Refusal`.
   */
  async open(namespace: string, grant: SignedGrant, sender: Hotkey): Promise<OwnedNamespace> {
    const { namespaces, chain, sr25519, clock } = this.#deps;
    const now = clock.now();
    if (grant.namespace !== namespace) throw new Refusal(403, "the grant is for another namespace");
    if (grant.reader !== sender) throw new Refusal(403, "the grant is another reader's; sign as the one it names");
    if (!sameChain(await chain.identity(), grant.chain)) throw new Refusal(403, "the grant is for another chain");
    if (grant.issued_at > now + AHEAD_MS) throw new Refusal(403, "the grant begins later; set the clock");
    if (grant.expires_at <= now) throw new Refusal(403, "the grant has expired; ask the owner for a new invitation");
    if (!isOwnersWord(sr25519, grant)) throw new Refusal(403, "the grant is not signed by the owner it names");
    const [owner, epoch] = await Promise.all([namespaces.ownerOf(namespace), namespaces.epochOf(namespace)]);
    if (owner !== grant.owner) throw new Refusal(404, "no such namespace that is shared with you here");
    if (grant.epoch < epoch)
      throw new Refusal(403, "the owner ended this grant; the letter of the new epoch, if any, has another");
    return namespace as OwnedNamespace;
  }
}
