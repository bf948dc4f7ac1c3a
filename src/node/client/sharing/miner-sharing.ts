import { EngramError, isEngramError } from "../../../crypto/errors.ts";
import { shownName } from "../../../crypto/namespace-name.ts";
import { sameChain } from "../../protocol/same-chain.ts";
import type { Lease } from "../leases.ts";
import { DEFAULT_NAMESPACE } from "../limits.ts";
import { privateName } from "../memory-input.ts";
import type { SharedNamespace } from "../store/sharing-operations.ts";
import { GivenGrants, type MinerSharingDeps, unknownName } from "./given-grants.ts";
import { GrantKeepers } from "./grant-keepers.ts";
import { type Letter, openLetter, sealedIn } from "./letter.ts";
import { ReadBefore, readShared } from "./read-shared.ts";
import { readerAddress } from "./reader-address.ts";
import type {
  Ended,
  GrantInfo,
  Invitation,
  InviteInput,
  Joined,
  JoinInput,
  ReaderAddress,
  Revoked,
  RevokeInput,
  Sharing,
} from "./sharing.ts";

interface Options {
  readonly signal?: AbortSignal;
}

const TASK = "sharing";
const EVERY_MS = 5 * 60_000;
/** A command that runs for a moment reads again what no other process read just before. */
const FRESH_MS = 30_000;

/** Sharing over miners that keep grants (capability `grant1`); others are never asked. */
export class MinerSharing implements Sharing, AsyncDisposable {
  readonly #deps: MinerSharingDeps;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #keepers: GrantKeepers;
  readonly #given: GivenGrants;
  readonly #before = new Map<number, ReadBefore>();
  #loop: Promise<void> | undefined;

  constructor(deps: MinerSharingDeps) {
    this.#deps = deps;
    this.#keepers = new GrantKeepers(deps);
    this.#given = new GivenGrants(deps, this.#keepers);
    this.#signal = AbortSignal.any([this.#stop.signal, deps.context.signal]);
  }

  /** Starts once; the loop ends with the signal. */
  start(): void {
    this.#loop ??= this.#run();
  }

  async address(): Promise<ReaderAddress> {
    const wallet = await this.#deps.context.wallet();
    return { address: readerAddress(wallet), hotkey: wallet.hotkey };
  }

  invite(input: InviteInput, options: Options = {}): Promise<Invitation> {
    return this.#given.invite(input, this.#until(options));
  }

  grants(): Promise<readonly GrantInfo[]> {
    return this.#given.list();
  }

  revoke(input: RevokeInput, options: Options = {}): Promise<Revoked> {
    return this.#given.revoke(input, (work) => this.#alone(options, work), this.#until(options));
  }

  end(namespace: string, options: Options = {}): Promise<Ended> {
    return this.#given.end(namespace, (work) => this.#alone(options, work), this.#until(options));
  }

  async join({ code, as }: JoinInput, options: Options = {}): Promise<Joined> {
    const { store, wallet: openWallet, chain, clock } = this.#deps.context;
    const [{ sr25519 }, wallet] = await Promise.all([this.#deps.parts(), openWallet()]);
    const sealed = sealedIn(code);
    const letter = openLetter(sr25519, wallet, sealed);
    const { grant } = letter;
    if (!sameChain(await chain().identity(), grant.chain)) {
      throw new EngramError("INVITATION_INVALID", "this invitation is for another chain", {
        fix: "set ENGRAM_CHAIN as the owner has it",
      });
    }
    if (await store.call("grantWasUsed", grant.id)) {
      throw new EngramError("INVITATION_USED", "this invitation was used already", {
        fix: "`engram namespaces` shows what is shared with you; for a new invitation ask the owner",
      });
    }
    const known = (await store.call("sharedNamespaces", null)).find(({ wireName }) => wireName === grant.namespace);
    const begun = known?.grantId === grant.id;
    const now = clock.now();
    if (grant.expires_at <= now || (!begun && (letter.joinBy ?? Number.POSITIVE_INFINITY) <= now)) {
      throw new EngramError("INVITATION_EXPIRED", "this invitation has expired", {
        fix: "ask the owner for a new one",
      });
    }
    await this.#place(letter, sealed, { as, now });
    return this.#readNow(letter, options);
  }

  async leave(namespace: string): Promise<void> {
    const { store, clock } = this.#deps.context;
    const name = shownName(namespace);
    await this.#alone({}, async () => {
      const shared = (await store.call("sharedNamespaces", null)).find((one) => one.name === name);
      if (!shared) throw unknownName(name, "nobody shares a namespace of this name with you");
      while ((await store.call("dropShared", { namespace: name, limit: 200, now: clock.now() })) > 0);
      await store.call("leaveNamespace", { namespace: shared.id, grantId: shared.grantId });
      this.#before.delete(shared.id);
    });
  }

  async sync(options: Options = {}): Promise<boolean> {
    return this.#pass(0, this.#until(options));
  }

  /** Reads what was not read for `age` milliseconds, and tells miners what they were not told. */
  async #pass(age: number, signal: AbortSignal): Promise<boolean> {
    const { store, leases, clock } = this.#deps.context;
    const due = async () =>
      (await store.call("sharedNamespaces", null)).filter(
        ({ syncedAt, expiresAt }) => expiresAt > clock.now() && clock.now() - (syncedAt ?? 0) >= age,
      );
    // Cheap reads only: most wallets share nothing.
    if ((await due()).length === 0 && (await store.call("epochs", null)).length === 0) return true;
    return leases.run(TASK, signal, async (lease) => {
      await this.#given.tell(lease);
      const failed: unknown[] = [];
      for (const namespace of await due()) {
        await this.#read(namespace, lease).catch((error: unknown) => {
          lease.signal.throwIfAborted();
          failed.push(error);
        });
      }
      // What one wallet wrote keeps nobody from reading what others share.
      if (failed.length > 0) throw failed[0];
    });
  }

  async #read(namespace: SharedNamespace, lease: Lease): Promise<number> {
    const { store, wallet: openWallet, clock, stored } = this.#deps.context;
    const [{ sr25519 }, wallet] = await Promise.all([this.#deps.parts(), openWallet()]);
    const open = (sealed: string) => openLetter(sr25519, wallet, sealed);
    const before = this.#before.get(namespace.id) ?? new ReadBefore();
    this.#before.set(namespace.id, before);
    const views = await this.#keepers.answering(open(namespace.sealed).miners, lease.signal);
    return readShared(
      namespace,
      before,
      { store, calls: await this.#keepers.calls(), views, open, stored, clock },
      lease,
    );
  }

  /** Puts a shared namespace beside the others, under a name that is free. Errors: `NAMESPACE_EXISTS`. */
  async #place(letter: Letter, sealed: string, { as, now }: { readonly as: string | undefined; readonly now: number }) {
    const { store } = this.#deps.context;
    const { grant, name } = letter;
    const names = as === undefined ? [name, `${name}@${grant.owner.slice(0, 8)}`] : [as];
    for (const one of names.map(privateName)) {
      // The default namespace is everybody's own, even before something is in it.
      if (one === DEFAULT_NAMESPACE) continue;
      const outcome = await store.call("joinNamespace", {
        ...{ name: one, wireName: grant.namespace, owner: grant.owner, grantId: grant.id, sealed, epoch: grant.epoch },
        ...{ expiresAt: grant.expires_at, now },
      });
      if (outcome === "joined") return;
      if (outcome === "own") break;
    }
    throw new EngramError("NAMESPACE_EXISTS", "there is a namespace of this name already", {
      fix: "choose another name for it here, with --as",
    });
  }

  async #readNow({ grant }: Letter, options: Options): Promise<Joined> {
    const { store, clock } = this.#deps.context;
    const find = async () =>
      (await store.call("sharedNamespaces", null)).find(({ wireName }) => wireName === grant.namespace);
    const miners = await this.#alone(options, async (lease) => {
      const shared = await find();
      return shared ? await this.#read(shared, lease) : 0;
    });
    const name = (await find())?.name ?? "";
    const infos = await store.call("namespaces", { now: clock.now() });
    const memories = infos.find((one) => one.name === name)?.memories ?? 0;
    return { namespace: name, owner: grant.owner, grant: grant.id, expiresAt: grant.expires_at, memories, miners };
  }

  /** Waits for another process that is at it: what this one does takes a moment. */
  async #alone<T>(options: Options, work: (lease: Lease) => Promise<T>): Promise<T> {
    const { leases, clock } = this.#deps.context;
    const signal = this.#until(options);
    const result = Promise.withResolvers<T>();
    while (!(await leases.run(TASK, signal, async (lease) => result.resolve(await work(lease))))) {
      await clock.sleep(100, signal);
    }
    return result.promise;
  }

  #until({ signal }: Options): AbortSignal {
    return signal ? AbortSignal.any([this.#signal, signal]) : this.#signal;
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#deps.context;
    for (let age = FRESH_MS; !this.#signal.aborted; age = EVERY_MS) {
      try {
        await this.#pass(age, this.#signal);
      } catch (error) {
        if (this.#signal.aborted) return;
        const code = isEngramError(error) ? error.code : "UNKNOWN";
        log.warn({ task: TASK, code }, "shared namespaces not read; trying later");
      }
      await clock.sleep(EVERY_MS, this.#signal).catch(() => undefined);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error("sharing is stopping"));
    await this.#loop;
  }
}
