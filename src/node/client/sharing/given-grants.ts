import { randomBytes } from "node:crypto";
import { EngramError } from "../../../crypto/errors.ts";
import { toHex } from "../../../crypto/hex.ts";
import { shownName } from "../../../crypto/namespace-name.ts";
import { MAX_EPOCHS, MAX_READERS } from "../../protocol/namespace-grant.ts";
import { readOnly } from "../errors.ts";
import type { Lease } from "../leases.ts";
import { privateName } from "../memory-input.ts";
import { namespaceSecrets } from "../replication/namespace-access.ts";
import { NamespaceOwner } from "../replication/namespace-owner.ts";
import type { StoredNamespace } from "../store/namespace-operations.ts";
import type { GivenGrant } from "../store/sharing-operations.ts";
import { isValid, tellEpoch } from "./epoch-notices.ts";
import type { GrantKeepers, GrantKeepersDeps } from "./grant-keepers.ts";
import { codeOf, writeLetter } from "./letter.ts";
import { parseReaderAddress } from "./reader-address.ts";
import type { Ended, GrantInfo, Invitation, InviteInput, Revoked, RevokeInput } from "./sharing.ts";

export interface MinerSharingDeps extends GrantKeepersDeps {
  /** The journal has a new description of a namespace. */
  readonly wake: () => void;
}

/** Runs what one process at a time does. */
type Alone = <T>(work: (lease: Lease) => Promise<T>) => Promise<T>;

const DAY_S = 86_400;
const GRANT_S = 90 * DAY_S;
const LONGEST_GRANT_S = 10 * 365 * DAY_S;
/** A code that lies around is good for so long at most. */
const JOIN_MS = 7 * DAY_S * 1_000;

/** The owner's side of sharing: gives grants and ends them. */
export class GivenGrants {
  readonly #deps: MinerSharingDeps;
  readonly #keepers: GrantKeepers;

  constructor(deps: MinerSharingDeps, keepers: GrantKeepers) {
    this.#deps = deps;
    this.#keepers = keepers;
  }

  async invite({ namespace, to, seconds = GRANT_S }: InviteInput, signal: AbortSignal): Promise<Invitation> {
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
    const miners = (await this.#keepers.own(signal)).map(({ miner }) => miner);
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

  async list(): Promise<readonly GrantInfo[]> {
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

  async revoke({ namespace, reader }: RevokeInput, alone: Alone, signal: AbortSignal): Promise<Revoked> {
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
    const told = await alone(async (lease) => {
      await this.tell(lease);
      return (await store.call("epochs", null)).find(({ id }) => id === stored.id);
    });
    const keepers = (await this.#keepers.own(signal)).map(({ miner }) => miner.hotkey);
    return {
      namespace: stored.name,
      epoch: told?.epoch ?? stored.epoch + 1,
      ended: ending.map((one) => one.id),
      readers: given.filter((one) => !ending.includes(one) && isValid(one, now)).length,
      told: told?.told ?? [],
      waiting: keepers.filter((hotkey) => !told?.told.includes(hotkey)),
    };
  }

  async end(namespace: string, alone: Alone, signal: AbortSignal): Promise<Ended> {
    const { context, parts, http } = this.#deps;
    const stored = await this.#own(namespace);
    const { wireName } = stored;
    await this.#endGrants(stored, alone);
    const [{ directory }, { hotkey }] = await Promise.all([parts(), context.wallet()]);
    const owner = new NamespaceOwner(hotkey, { http, caller: await this.#keepers.caller() });
    const views = (await directory.refresh(signal)).filter(({ miner, trusted }) => trusted && !miner.embedded);
    const able = views.filter(({ reachable, caps }) => reachable && caps.includes("nsowner1"));
    const outcomes = await Promise.allSettled(able.map(({ miner }) => owner.delete(miner, wireName, signal)));
    const ended = able.flatMap(({ miner }, place) => (outcomes[place]?.status === "fulfilled" ? miner.hotkey : []));
    const waiting = views.flatMap(({ miner }) => (ended.includes(miner.hotkey) ? [] : miner.hotkey));
    return { miners: ended, waiting };
  }

  /** The name may be used again: what is stored then is not for those who read it before. */
  async #endGrants({ id, name, epoch }: StoredNamespace, alone: Alone): Promise<void> {
    const { store, clock } = this.#deps.context;
    const given = (await store.call("givenGrants", null)).filter((one) => one.namespace === name);
    const ids = given.flatMap((one) => (one.endedAt === null ? one.id : []));
    // A restored home knows the epoch, and not who was given which.
    if (epoch >= MAX_EPOCHS || (ids.length === 0 && (given.length > 0 || epoch === 0))) return;
    await store.call("beginEpoch", { namespace: id, ids, now: clock.now() });
    this.#deps.wake();
    await alone((lease) => this.tell(lease));
  }

  /** Tells miners of all epochs that they were not told. */
  async tell(lease: Lease): Promise<void> {
    const { store, wallet, chain, clock } = this.#deps.context;
    const epochs = await store.call("epochs", null);
    if (epochs.length === 0) return;
    const views = await this.#keepers.own(lease.signal);
    const calls = await this.#keepers.calls();
    const deps = { store, calls, views, wallet: await wallet(), chain: await chain().identity(), now: clock.now() };
    for (const namespace of epochs) await tellEpoch(namespace, deps, lease);
  }

  /** An own private namespace that can be shared. */
  async #own(text: string): Promise<StoredNamespace> {
    const name = privateName(text);
    const stored = await this.#deps.context.store.call("namespace", name);
    if (!stored) throw unknownName(name, "there is no namespace of this name");
    if (stored.owner !== undefined) throw readOnly(name);
    if (!stored.remoteSearch) return stored;
    throw new EngramError("NAMESPACE_NOT_SHARED", "a namespace with remote search cannot be shared", {
      fix: "store what you want to share into a namespace without it",
    });
  }
}

function isNamed({ id, reader }: GivenGrant, name: string): boolean {
  return id === name || reader === name;
}

/** The error of a name that no such namespace has. */
export function unknownName(name: string, what: string): EngramError {
  return new EngramError("NAMESPACE_UNKNOWN", `${what}: ${JSON.stringify(name)}`, {
    fix: "`engram namespaces` lists them",
  });
}
