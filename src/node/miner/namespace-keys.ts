import PQueue from "p-queue";
import { legacyKeyVerifier, matchesLegacyVerifier } from "../../crypto/legacy-namespace-key.ts";
import { MAX_NAMESPACE_KEY_CHARACTERS, MIN_NAMESPACE_KEY_CHARACTERS } from "../protocol/limits.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { Secret } from "../runtime/secret.ts";
import type { NamespaceRegistry } from "../vectors/embedded/namespace-registry.ts";

/** 65 ms each on a thread that file reads wait for too (M-W21): more at once, or waiting, helps nobody. */
const AT_ONCE = 2;
const WAITING = 32;

/** The keys of namespaces of the old scheme (spec 6.3): recognised by a verifier that opens nothing (M-W4). */
export class NamespaceKeys {
  readonly #namespaces: Pick<NamespaceRegistry, "verifierOf">;
  readonly #queue = new PQueue({ concurrency: AT_ONCE });

  constructor(deps: { readonly namespaces: Pick<NamespaceRegistry, "verifierOf"> }) {
    this.#namespaces = deps.namespaces;
  }

  /** Whether `key` is the namespace's; takes as long for a name that has none. Throws `Refusal` 429. */
  async opens(name: string, key: Secret<string>): Promise<boolean> {
    if (!isUsable(key)) return false;
    const verifier = await this.#namespaces.verifierOf(name);
    return this.#derive(() => matchesLegacyVerifier(key.reveal(), name, verifier));
  }

  /** What to keep for `key`; null for one of a length that no key may have (spec 6.1). Throws `Refusal` 429. */
  async verifier(name: string, key: Secret<string>): Promise<Uint8Array | null> {
    return isUsable(key) ? this.#derive(() => legacyKeyVerifier(key.reveal(), name)) : null;
  }

  async #derive<T>(work: () => Promise<T>): Promise<T> {
    if (this.#queue.size >= WAITING) {
      throw new Refusal(429, "too many namespace keys are being looked at; wait", { retryAfterSeconds: 5 });
    }
    return await this.#queue.add(work);
  }
}

function isUsable(key: Secret<string>): boolean {
  const { length } = key.reveal();
  return length >= MIN_NAMESPACE_KEY_CHARACTERS && length <= MAX_NAMESPACE_KEY_CHARACTERS;
}
