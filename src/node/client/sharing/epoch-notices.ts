import { isEngramError } from "../../../crypto/errors.ts";
import { shownName } from "../../../crypto/namespace-name.ts";
import type { Wallet } from "../../chain/wallet.ts";
import type { Lease } from "../leases.ts";
import type { MinerView } from "../replication/miner-directory.ts";
import { namespaceAccess, namespaceSecrets } from "../replication/namespace-access.ts";
import type { MemoryStore } from "../store/memory-store.ts";
import type { StoredNamespace } from "../store/namespace-operations.ts";
import type { GivenGrant } from "../store/sharing-operations.ts";
import type { GrantCalls } from "./grant-calls.ts";
import { writeLetter } from "./letter.ts";
import { keyOfHex } from "./reader-address.ts";

interface Deps {
  readonly store: MemoryStore;
  readonly wallet: Wallet;
  readonly calls: GrantCalls;
  /** Those that keep grants. */
  readonly views: readonly MinerView[];
  readonly chain: string;
  readonly now: number;
}

type Epoch = StoredNamespace & { readonly told: readonly string[] };

/**
 * Tells miners of a namespace's present epoch, with a letter for each reader who stays: a miner ends what it hears of, and a
 * reader finds the keys there without anybody doing anything. A miner that is silent is told by a later pass.
 */
export async function tellEpoch(namespace: Epoch, deps: Deps, lease: Lease): Promise<void> {
  const { store, calls, views } = deps;
  const untold = views.filter(({ miner, reachable }) => reachable && !namespace.told.includes(miner.hotkey));
  if (untold.length === 0) return;
  const body = await notice(namespace, deps);
  for (const { miner } of untold) {
    await lease.check();
    try {
      if (!(await calls.beginEpoch(miner, body, lease.signal))) continue;
    } catch (error) {
      if (!isEngramError(error)) throw error;
      continue;
    }
    await store.call("noteTold", { namespace: namespace.id, epoch: namespace.epoch, hotkey: miner.hotkey });
  }
}

async function notice(namespace: Epoch, { store, wallet, views, chain, now }: Deps) {
  const { epoch, plainName } = namespace;
  const name = shownName(namespace.name);
  const root = wallet.memoryRoot.reveal();
  const secrets = namespaceSecrets(root, { name, epoch });
  const { wireName } = namespaceAccess(root, { name, epoch, plainName });
  const miners = views.map(({ miner }) => miner);
  const given = (await store.call("givenGrants", null)).filter((one) => one.namespace === name);
  // A restored home knows of no grants: what another home left for readers is not its to take away.
  if (given.length === 0) return { namespace: wireName, epoch };
  const staying = given.filter((one) => isValid(one, now));
  const letters = staying.map(({ reader, readerKey, id, issuedAt, expiresAt }) => {
    const terms = { chain, namespace: wireName, owner: wallet.hotkey, reader, rights: "read", epoch, id } as const;
    const grant = { ...terms, issued_at: issuedAt, expires_at: expiresAt };
    return {
      reader,
      sealed: writeLetter(wallet, { hotkey: reader, key: keyOfHex(readerKey) }, { name, grant, secrets, miners }),
    };
  });
  return { namespace: wireName, epoch, letters };
}

export function isValid({ endedAt, expiresAt }: GivenGrant, now: number): boolean {
  return endedAt === null && expiresAt > now;
}
