import { EngramError } from "../../crypto/errors.ts";
import { isNamespaceName, isReservedNamespaceName, shownName } from "../../crypto/namespace-name.ts";
import type { Wallet } from "../chain/wallet.ts";
import { PUBLIC_NAMESPACE } from "../ports.ts";
import type { Clock } from "../runtime/clock.ts";
import { PUBLIC_SHOWN_NAME } from "./limits.ts";
import { privateName } from "./memory-input.ts";
import type { MemoryStore } from "./store/memory-store.ts";
import type { StoredNamespace } from "./store/namespace-operations.ts";

export interface NamespaceKeeperDeps {
  readonly store: MemoryStore;
  readonly clock: Clock;
  readonly wallet: () => Promise<Wallet>;
}

interface NamespaceKind {
  /** The wire name is the shown one. */
  readonly plainName: boolean;
  /** Its records carry obfuscated vectors. */
  readonly remoteSearch: boolean;
}

/** Makes namespaces: a wire name derives from the wallet, which is opened for that alone. */
export class NamespaceKeeper {
  readonly #deps: NamespaceKeeperDeps;

  constructor(deps: NamespaceKeeperDeps) {
    this.#deps = deps;
  }

  /** The namespace with this shown name, made when it is new. */
  async open(name: string): Promise<StoredNamespace> {
    const found = await this.#deps.store.call("namespace", name);
    if (found) return found;
    if (name === PUBLIC_SHOWN_NAME) return await this.#make(name, PUBLIC_NAMESPACE, "public");
    return await this.#make(name, await this.#wireName(name), "private");
  }

  /** A private namespace. Errors: `NAMESPACE_EXISTS` when it is there in the other form, `NAMESPACE_PLAIN_NAME`. */
  async create(shown: string, options: NamespaceKind): Promise<StoredNamespace> {
    const name = privateName(shown);
    const { plainName, remoteSearch } = options;
    if (plainName) checkPlainName(name);
    const found = await this.#deps.store.call("namespace", name);
    const made = found ?? (await this.#make(name, plainName ? name : await this.#wireName(name), "private", options));
    if (made.owner !== undefined) throw existsAlready("another wallet shares a namespace that is shown by this name");
    if (made.plainName === plainName && made.remoteSearch === remoteSearch) return made;
    throw existsAlready("this namespace is there already in another form");
  }

  async #make(
    name: string,
    wireName: string,
    visibility: "private" | "public",
    kind: NamespaceKind = { plainName: false, remoteSearch: false },
  ): Promise<StoredNamespace> {
    const now = this.#deps.clock.now();
    return await this.#deps.store.call("createNamespace", { name, wireName, visibility, ...kind, now });
  }

  async #wireName(name: string): Promise<string> {
    const { namespaceSecret, wireName } = await import("../../crypto/keys.ts");
    const { memoryRoot } = await this.#deps.wallet();
    const shown = shownName(name);
    return wireName(namespaceSecret(memoryRoot.reveal(), shown), shown);
  }
}

function existsAlready(why: string): EngramError {
  return new EngramError("NAMESPACE_EXISTS", why, { fix: "choose another name" });
}

function checkPlainName(name: string): void {
  if (isNamespaceName(name) && !isReservedNamespaceName(name)) return;
  throw new EngramError("NAMESPACE_PLAIN_NAME", "miners do not accept this name in clear", {
    fix: "use letters, digits and _, not beginning with a digit or __, or leave out --plain-name",
  });
}
