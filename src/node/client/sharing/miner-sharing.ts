import { randomBytes } from "node:crypto";
import { EngramError, isEngramError } from "../../../crypto/errors.ts";
import { toHex } from "../../../crypto/hex.ts";
import { shownName } from "../../../crypto/namespace-name.ts";
import { Auth2Caller } from "../../protocol/auth2-caller.ts";
import { MAX_EPOCHS, MAX_READERS } from "../../protocol/namespace-grant.ts";
import { sameChain } from "../../protocol/same-chain.ts";
import type { HttpClient } from "../../runtime/http-client.ts";
import { readOnly } from "../errors.ts";
import type { Lease } from "../leases.ts";
import { DEFAULT_NAMESPACE } from "../limits.ts";
import { privateName } from "../memory-input.ts";
import type { ReplicationContext } from "../open-client.ts";
import type { KnownMiner } from "../replication/miner-client.ts";
import { type KeyValues, MinerDirectory, type MinerView } from "../replication/miner-directory.ts";
import { namespaceSecrets } from "../replication/namespace-access.ts";
import type { ReplicationParts } from "../replication/replicator.ts";
import { RequestSigner } from "../replication/signer.ts";
import type { StoredNamespace } from "../store/namespace-operations.ts";
import type { GivenGrant, SharedNamespace } from "../store/sharing-operations.ts";
import { isValid, tellEpoch } from "./epoch-notices.ts";
import { GrantCalls } from "./grant-calls.ts";
import { codeOf, type Letter, openLetter, sealedIn, writeLetter } from "./letter.ts";
import { ReadBefore, readShared } from "./read-shared.ts";
import { parseReaderAddress, readerAddress } from "./reader-address.ts";
import type {
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

export interface MinerSharingDeps {
  readonly context: ReplicationContext;
  readonly parts: () => Promise<ReplicationParts>;
  readonly values: KeyValues;
  readonly http: HttpClient;
  readonly deadlineMs?: number | undefined;
  /** The journal has a new description of a namespace. */
  readonly wake: () => void;
}

interface Options {
  readonly signal?: AbortSignal;
}

const TASK = "sharing";
const EVERY_MS = 5 * 60_000;
/** A command that runs for a moment reads again what no other process read just before. */
const FRESH_MS = 30_000;
const DAY_S = 86_400;
const GRANT_S = 90 * DAY_S;
const LONGEST_GRANT_S = 10 * 365 * DAY_S;
/** A code that lies around is good for so long at most. */
const JOIN_MS = 7 * DAY_S * 1_000;
const CAPABILITY = "grant1";

/** Sharing over miners that keep grants (capability `grant1`); others are never asked. */
export class MinerSharing implements Sharing, AsyncDisposable {
  readonly #deps: MinerSharingDeps;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #before = new Map<number, ReadBefore>();
  #loop: Promise<void> | undefined;

  constructor(deps: MinerSharingDeps) {
    this.#deps = deps;
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

  async invite({ namespace, to, seconds = GRANT_S }: InviteInput, options: Options = {}): Promise<Invitation> {
    const { store, wallet: openWallet, chain, clock } = this.#deps.context;
    const [{ sr25519 }, wallet] = await Promise.all([this.#deps.parts(), openWallet()]);
    const reader = parseReaderAddress(sr25519, to);
    if (reader.hotkey === wallet.hotkey) {
      throw new EngramError("READER_ADDRESS", "this is your own address", { fix: "ask the reader for theirs" });
    }
    const stored = await this.#own(namespace);
    const now = clock.now();
    const others = (await store.call("givenGrants", null)).filter(
      (one) => one.namespace === stored.name && one.reader !== reader.hotkey && isValid(one, now),
    );
    if (others.length >= MAX_READERS) {
      throw new EngramError("TOO_MANY_READERS", `a namespace has at most ${MAX_READERS} readers`, {
        fix: "end a grant with `engram namespaces revoke`",
      });
    }
    if (!(seconds >= 1 && seconds <= LONGEST_GRANT_S)) {
      throw new EngramError("INPUT_INVALID", "this is not a usable time", { fix: "give a second to ten years" });
    }
    const miners = (await this.#keepers(options)).map(({ miner }) => miner);
    if (miners.length === 0) {
      throw new EngramError("NO_MINERS", "no known miner lets others read a namespace", {
        fix: "name miners in ENGRAM_MINERS, or look at `engram status` for those that do not answer",
      });
    }
    const { epoch, wireName } = stored;
    const name = shownName(stored.name);
    const id = toHex(randomBytes(16));
    const expiresAt = now + Math.round(seconds * 1_000);
    const joinBy = Math.min(expiresAt, now + JOIN_MS);
    const terms = { chain: await chain().identity(), namespace: wireName, owner: wallet.hotkey, reader: reader.hotkey };
    const grant = { ...terms, rights: "read", epoch, id, issued_at: now, expires_at: expiresAt } as const;
    const secrets = namespaceSecrets(wallet.memoryRoot.reveal(), { name, epoch });
    const sealed = writeLetter(wallet, reader, { name, grant, secrets, miners, joinBy });
    // Known here before it is anywhere else: what is not listed cannot be ended.
    await store.call("giveGrant", {
      ...{ id, namespace: stored.name, reader: reader.hotkey, readerKey: toHex(reader.key), issuedAt: now, expiresAt },
    });
    return { namespace: stored.name, reader: reader.hotkey, grant: id, expiresAt, joinBy, code: codeOf(sealed) };
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

  async grants(): Promise<readonly GrantInfo[]> {
    const { store, clock } = this.#deps.context;
    const now = clock.now();
    return (await store.call("givenGrants", null)).map((one) => ({
      grant: one.id,
      namespace: one.namespace,
      reader: one.reader,
      issuedAt: one.issuedAt,
      expiresAt: one.expiresAt,
      state: one.endedAt !== null ? "ended" : isValid(one, now) ? "valid" : "expired",
    }));
  }

  async revoke({ namespace, reader }: RevokeInput, options: Options = {}): Promise<Revoked> {
    const { store, clock } = this.#deps.context;
    const stored = await this.#own(namespace);
    if (stored.epoch >= MAX_EPOCHS) {
      throw new EngramError("TOO_MANY_EPOCHS", `a namespace has at most ${MAX_EPOCHS} epochs`, {
        fix: "store into a new namespace from now on",
      });
    }
    const now = clock.now();
    const given = (await store.call("givenGrants", null)).filter((one) => one.namespace === stored.name);
    const ending = given.filter((one) => one.endedAt === null && (reader === undefined || isNamed(one, reader)));
    if (reader !== undefined && ending.length === 0) {
      throw new EngramError("GRANT_UNKNOWN", "no such reader has a grant of this namespace", {
        fix: "`engram namespaces grants` lists them",
      });
    }
    // From this moment on nothing is sealed for who leaves; that miners refuse them too may take until they answer.
    await store.call("beginEpoch", { namespace: stored.id, ids: ending.map(({ id }) => id), now });
    this.#deps.wake();
    const told = await this.#alone(options, async (lease) => {
      await this.#tell(lease);
      return (await store.call("epochs", null)).find(({ id }) => id === stored.id);
    });
    const keepers = (await this.#keepers(options)).map(({ miner }) => miner.hotkey);
    return {
      namespace: stored.name,
      epoch: told?.epoch ?? stored.epoch + 1,
      ended: ending.map((one) => one.id),
      readers: given.filter((one) => !ending.includes(one) && isValid(one, now)).length,
      told: told?.told ?? [],
      waiting: keepers.filter((hotkey) => !told?.told.includes(hotkey)),
    };
  }

  async leave(namespace: string): Promise<void> {
    const { store, clock } = this.#deps.context;
    const name = shownName(namespace);
    await this.#alone({}, async () => {
      const shared = (await store.call("sharedNamespaces", null)).find((one) => one.name === name);
      if (!shared) throw unknown(name, "nobody shares a namespace of this name with you");
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
      await this.#tell(lease);
      for (const namespace of await due()) await this.#read(namespace, lease);
    });
  }

  async #tell(lease: Lease): Promise<void> {
    const { store, wallet, chain, clock } = this.#deps.context;
    const epochs = await store.call("epochs", null);
    if (epochs.length === 0) return;
    const views = await this.#keepers({ signal: lease.signal });
    const calls = await this.#calls();
    const deps = { store, calls, views, wallet: await wallet(), chain: await chain().identity(), now: clock.now() };
    for (const namespace of epochs) await tellEpoch(namespace, deps, lease);
  }

  async #read(namespace: SharedNamespace, lease: Lease): Promise<number> {
    const { store, wallet: openWallet, clock, stored } = this.#deps.context;
    const [{ sr25519, directory }, wallet] = await Promise.all([this.#deps.parts(), openWallet()]);
    const open = (sealed: string) => openLetter(sr25519, wallet, sealed);
    const before = this.#before.get(namespace.id) ?? new ReadBefore();
    this.#before.set(namespace.id, before);
    const own = (await directory.load()).filter(({ miner }) => !miner.embedded).map(({ miner }) => miner);
    const views = (await this.#look([...open(namespace.sealed).miners, ...own], lease.signal)).filter(isReachable);
    return readShared(namespace, before, { store, calls: await this.#calls(), views, open, stored, clock }, lease);
  }

  /** The reader's miners and the owner's need not be the same. */
  async #look(miners: readonly KnownMiner[], signal: AbortSignal): Promise<readonly MinerView[]> {
    const { context, parts, values, http, deadlineMs } = this.#deps;
    const [{ sr25519 }, wallet] = await Promise.all([parts(), context.wallet()]);
    const once = [...new Map(miners.map((miner, uid) => [miner.hotkey, { ...miner, uid }])).values()];
    const directory = new MinerDirectory({
      miners: async () => once,
      ownMiner: async () => undefined,
      httpFor: () => http,
      signer: new RequestSigner(wallet, context.clock),
      sr25519,
      chainIdentity: () => context.chain().identity(),
      values,
      clock: context.clock,
      deadlineMs,
    });
    return (await directory.refresh(signal)).filter(keepsGrants);
  }

  /** This wallet's own miners that keep grants, reachable or not. */
  async #keepers(options: Options): Promise<readonly MinerView[]> {
    const { directory } = await this.#deps.parts();
    return (await directory.refresh(this.#until(options))).filter((view) => !view.miner.embedded && keepsGrants(view));
  }

  async #calls(): Promise<GrantCalls> {
    const { context, parts, http, deadlineMs } = this.#deps;
    const [{ sr25519 }, signer] = await Promise.all([parts(), context.wallet()]);
    return new GrantCalls({ http, caller: new Auth2Caller({ signer, sr25519, clock: context.clock }), deadlineMs });
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

  /** An own private namespace that can be shared. */
  async #own(text: string): Promise<StoredNamespace> {
    const name = privateName(text);
    const stored = await this.#deps.context.store.call("namespace", name);
    if (!stored) throw unknown(name, "there is no namespace of this name");
    if (stored.owner !== undefined) throw readOnly(name);
    if (!stored.remoteSearch) return stored;
    throw new EngramError("NAMESPACE_NOT_SHARED", "a namespace with remote search cannot be shared", {
      fix: "store what you want to share into a namespace without it",
    });
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

function isNamed({ id, reader }: GivenGrant, name: string): boolean {
  return id === name || reader === name;
}

function keepsGrants({ trusted, caps }: MinerView): boolean {
  return trusted && caps.includes(CAPABILITY);
}

function isReachable({ reachable }: MinerView): boolean {
  return reachable;
}

function unknown(name: string, what: string): EngramError {
  return new EngramError("NAMESPACE_UNKNOWN", `${what}: ${JSON.stringify(name)}`, {
    fix: "`engram namespaces` lists them",
  });
}
