import { EngramError } from "../../../crypto/errors.ts";
import { isNamespaceName, type ShownName, shownName } from "../../../crypto/namespace-name.ts";
import { Auth2Caller } from "../../protocol/auth2-caller.ts";
import type { HttpClient } from "../../runtime/http-client.ts";
import { readOnly } from "../errors.ts";
import { DEFAULT_NAMESPACE, PUBLIC_SHOWN_NAME } from "../limits.ts";
import type { Memory } from "../memory.ts";
import type { ReplicationContext } from "../open-client.ts";
import type { KeyValues } from "../replication/miner-directory.ts";
import { type NamespaceAccess, namespaceAccess } from "../replication/namespace-access.ts";
import type { ReplicationParts } from "../replication/replicator.ts";
import { nextHolders } from "./holders.ts";
import type {
  KeyShares,
  RecoverInput,
  RecoverResult,
  RevokeResult,
  SharesShown,
  SplitInput,
  SplitResult,
  SplitStatus,
} from "./key-shares.ts";
import { readWithKey } from "./read-with-key.ts";
import { recoverKey } from "./recover-key.ts";
import { revokeShares, showShares } from "./revoke-shares.ts";
import { ShareCalls } from "./share-calls.ts";
import { type SplitDeps, splitKey } from "./split-key.ts";
import { readSplit } from "./split-record.ts";

export interface KeySharesDeps {
  readonly context: ReplicationContext;
  readonly parts: () => Promise<ReplicationParts>;
  readonly values: KeyValues;
  readonly http: HttpClient;
  readonly deadlineMs?: number | undefined;
}

const TASK = "key-split";

interface Options {
  readonly signal?: AbortSignal;
}

/** Key shares at the miners of this client. */
export class MinerKeyShares implements KeyShares {
  readonly #deps: KeySharesDeps;

  constructor(deps: KeySharesDeps) {
    this.#deps = deps;
  }

  split(input: SplitInput, options: Options = {}): Promise<SplitResult> {
    return this.#alone(input, options, (named, deps) => splitKey(named, input, deps));
  }

  refresh(input: SplitInput, options: Options = {}): Promise<SplitResult> {
    return this.#alone(input, options, async (named, deps) => {
      const last = await readSplit(deps.values, named.access.wireName);
      if (!last || last.revokedAt !== undefined) {
        throw new EngramError(
          "KEY_NEVER_SPLIT",
          "there are no shares of this key to refresh, as far as this home knows",
          {
            fix: "split it with `engram keys split`",
          },
        );
      }
      const holders = input.holders ?? (await nextHolders(deps.views, last.holders, deps.chain));
      const threshold = input.threshold ?? Math.min(last.threshold, holders.length);
      return splitKey(named, { holders, threshold }, deps);
    });
  }

  revoke(input: Pick<SplitInput, "namespace">, options: Options = {}): Promise<RevokeResult> {
    return this.#alone(input, options, revokeShares);
  }

  async show({ namespace }: Pick<SplitInput, "namespace">, options: Options = {}): Promise<SharesShown> {
    const name = await this.#privateName(namespace ?? DEFAULT_NAMESPACE);
    const access = await this.#accessTo(name);
    const { wallet, ...miners } = await this.#miners(options.signal);
    return showShares({ name, access }, { ...miners, signer: wallet, signal: this.#signal(options.signal) });
  }

  async read({ wireName }: { readonly wireName: string }, options: Options = {}): Promise<readonly Memory[]> {
    const { views, wallet } = await this.#miners(options.signal);
    const { home } = this.#deps.context;
    const reachable = views.filter((view) => view.reachable && view.trusted);
    const signal = this.#signal(options.signal);
    return readWithKey(wireName, { home, owner: wallet.hotkey, views: reachable, signal });
  }

  /** One process of this home at a time: two would choose the same epoch. Errors: `KEY_SPLIT_BUSY`. */
  async #alone<Result>(
    { namespace }: Pick<SplitInput, "namespace">,
    options: Options,
    work: (named: { readonly name: string; readonly access: NamespaceAccess }, deps: SplitDeps) => Promise<Result>,
  ): Promise<Result> {
    const { context, values } = this.#deps;
    const name = await this.#privateName(namespace ?? DEFAULT_NAMESPACE);
    const access = await this.#accessTo(name);
    const { calls, views, wallet, sr25519 } = await this.#miners(options.signal);
    const shared = { views, calls, sr25519, signer: wallet, values, chain: context.chain(), clock: context.clock };
    const result = Promise.withResolvers<Result>();
    const ran = await context.leases.run(TASK, this.#signal(options.signal), async ({ signal }) => {
      result.resolve(await work({ name, access }, { ...shared, signal }));
    });
    if (ran) return result.promise;
    throw new EngramError("KEY_SPLIT_BUSY", "another process of this home is splitting a key", {
      fix: "wait until it is done and look at `engram keys status`",
      retryAfterMs: 5_000,
    });
  }

  async recover(input: RecoverInput, options: Options = {}): Promise<RecoverResult> {
    const { home } = this.#deps.context;
    const { calls, views, wallet, sr25519 } = await this.#miners(options.signal);
    const owner = wallet.hotkey;
    if (input.owner !== undefined && input.owner !== owner) {
      throw new EngramError("KEY_OWNER", "miners give key shares to the namespace's owner alone", {
        fix: "use the home whose wallet is the owner, or import the owner's phrase",
      });
    }
    const { wireName, own } = await this.#wanted(input);
    return recoverKey(wireName, own, { home, views, calls, sr25519, owner, signal: this.#signal(options.signal) });
  }

  async status(): Promise<readonly SplitStatus[]> {
    return Promise.all(
      (await this.#privateNames()).map(async (name) => {
        const { wireName } = await this.#accessTo(name);
        return { namespace: name, split: (await readSplit(this.#deps.values, wireName)) ?? null };
      }),
    );
  }

  async #miners(signal: AbortSignal | undefined) {
    const { context, parts, http, deadlineMs } = this.#deps;
    const [{ directory, sr25519 }, wallet] = await Promise.all([parts(), context.wallet()]);
    const views = await directory.refresh(this.#signal(signal));
    const caller = new Auth2Caller({ signer: wallet, sr25519, clock: context.clock });
    return { views, wallet, sr25519, calls: new ShareCalls({ http, caller, deadlineMs }) };
  }

  #signal(signal: AbortSignal | undefined): AbortSignal {
    const { context } = this.#deps;
    return signal ? AbortSignal.any([context.signal, signal]) : context.signal;
  }

  /** What to ask for, and what the wallet itself gives for it, where a namespace of this home has that wire name. */
  async #wanted(
    input: RecoverInput,
  ): Promise<{ readonly wireName: string; readonly own: NamespaceAccess | undefined }> {
    if (input.wireName === undefined) {
      const name = shownName(input.namespace ?? DEFAULT_NAMESPACE);
      if (name === PUBLIC_SHOWN_NAME) throw publicNamespace();
      const own = await this.#accessTo(name);
      return { wireName: own.wireName, own };
    }
    const { wireName } = input;
    if (!isNamespaceName(wireName)) {
      throw new EngramError("NAMESPACE_NAME_INVALID", "this is no wire name", {
        fix: "a wire name is n and 40 hex digits; give a shown name as the namespace",
      });
    }
    for (const name of await this.#privateNames()) {
      const own = await this.#accessTo(name);
      if (own.wireName === wireName) return { wireName, own };
    }
    return { wireName, own: undefined };
  }

  /** Errors: `NAMESPACE_UNKNOWN`, `PUBLIC_NAMESPACE`. */
  async #privateName(text: string): Promise<ShownName> {
    const name = shownName(text);
    if (name === PUBLIC_SHOWN_NAME) throw publicNamespace();
    const stored = await this.#deps.context.store.call("namespace", name);
    if (stored?.owner !== undefined) throw readOnly(name);
    if (name === DEFAULT_NAMESPACE || stored) return name;
    throw new EngramError("NAMESPACE_UNKNOWN", "there is no namespace of this name", {
      fix: "list the namespaces, or store something into it first",
    });
  }

  /** The default one is everybody's from the start. */
  async #privateNames(): Promise<readonly ShownName[]> {
    const { store, clock } = this.#deps.context;
    const all = await store.call("namespaces", { now: clock.now() });
    const own = all.flatMap(({ name, visibility, owner }) =>
      visibility === "private" && owner === undefined ? shownName(name) : [],
    );
    return [...new Set([shownName(DEFAULT_NAMESPACE), ...own])];
  }

  async #accessTo(name: ShownName): Promise<NamespaceAccess> {
    const { context } = this.#deps;
    const [stored, { memoryRoot }] = await Promise.all([context.store.call("namespace", name), context.wallet()]);
    const { epoch = 0, plainName = false } = stored ?? {};
    return namespaceAccess(memoryRoot.reveal(), { name, epoch, plainName });
  }
}

function publicNamespace(): EngramError {
  return new EngramError("PUBLIC_NAMESPACE", "the public namespace has no key", { fix: "name a private namespace" });
}
