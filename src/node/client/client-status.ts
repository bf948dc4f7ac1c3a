import type { Wallet } from "../chain/wallet.ts";
import type { ChainClient, Embedder } from "../ports.ts";
import type { Clock } from "../runtime/clock.ts";
import type { ClientStatus } from "./memory.ts";
import type { Replication } from "./replication-port.ts";
import type { MemoryStore } from "./store/memory-store.ts";

export interface StatusDeps {
  readonly home: string;
  readonly store: MemoryStore;
  readonly embedder: Embedder;
  readonly replication: Replication;
  readonly clock: Clock;
  readonly wallet: () => Promise<Wallet>;
  readonly chain: () => ChainClient;
}

/** The client's state in one answer; nothing here loads the model. */
export async function readStatus(deps: StatusDeps): Promise<ClientStatus> {
  const { home, store, embedder, replication, clock, wallet, chain } = deps;
  const now = clock.now();
  const [
    identity,
    head,
    { hotkey, backupMade },
    memories,
    namespaces,
    replicas,
    journal,
    awaiting,
    ofOthers,
    miners,
    archive,
  ] = await Promise.all([
    chain().identity(),
    chain().head(),
    wallet(),
    store.call("countMemories", { now }),
    store.call("namespaces", { now }),
    replication.replicas(),
    store.call("journalCounts", null),
    store.call("countAwaitingVectors", null),
    store.call("countOfOtherProfiles", { profile: embedder.profile }),
    replication.miners(),
    store.call("archiveCounts", null),
  ]);
  const audit = await replication.audits?.status();
  const { model, dim } = embedder.profile;
  return {
    home,
    hotkey,
    backup: backupMade ? "made" : "never made",
    chain: { identity, block: head.number },
    embedder: { model, dim },
    memories,
    namespaces: namespaces.length,
    replicas,
    journal,
    awaitingVectors: awaiting,
    otherModelVectors: ofOthers,
    miners,
    ...(audit ? { audit } : {}),
    ...(Object.keys(archive).length === 0 ? {} : { archive }),
  };
}
