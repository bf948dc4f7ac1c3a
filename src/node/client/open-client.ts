import { join } from "node:path";
import type { ArchiveSettings } from "../archive/archive-settings.ts";
import { openChain } from "../chain/open-chain.ts";
import type { Wallet } from "../chain/wallet.ts";
import { UseLiteEmbedder } from "../embedding/use-lite.ts";
import type { ChainClient, Embedder } from "../ports.ts";
import { type Clock, systemClock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import type { PublicGuard } from "../runtime/public-fetch.ts";
import { ReleaseStack } from "../runtime/release-stack.ts";
import { openArchives } from "./archive/open-archives.ts";
import { Background } from "./background.ts";
import { readStatus } from "./client-status.ts";
import { Leases } from "./leases.ts";
import type { MemoryClient } from "./memory.ts";
import { LocalMemoryClient } from "./memory-client.ts";
import { NamespaceKeeper } from "./namespace-keeper.ts";
import { Recaller } from "./recaller.ts";
import { localOnly, type Replication } from "./replication-port.ts";
import { type MemoryStore, memoryStore } from "./store/memory-store.ts";
import { VectorWriter } from "./vector-writer.ts";

/** What a replication is given to work on the client's journal. */
export interface ReplicationContext {
  readonly home: string;
  readonly store: MemoryStore;
  readonly leases: Leases;
  readonly wallet: () => Promise<Wallet>;
  readonly chain: () => ChainClient;
  readonly embedder: Embedder;
  readonly clock: Clock;
  readonly log: Logger;
  /** Pieces that were put into the store beside the client's own stores wait for their vectors. */
  readonly stored: (namespace: string, pieces: readonly number[]) => void;
  /** Aborted when the client closes. */
  readonly signal: AbortSignal;
}

export interface OpenClientOptions {
  /** The data folder; made when the first call needs it. */
  readonly home: string;
  readonly log: Logger;
  readonly clock?: Clock;
  /** The session of memories that name none; one per client when absent. */
  readonly session?: string;
  /** As in ENGRAM_CHAIN; default `local`. */
  readonly chain?: string;
  /** Default: the built-in model. The client closes it. */
  readonly embedder?: Embedder;
  /** Where files are archived; absent: their descriptions are stored, and nothing is uploaded. */
  readonly archive?: ArchiveSettings;
  /** For pages that are archived: stands in for the internet in tests. */
  readonly publicGuard?: PublicGuard;
  /** Pushes to miners; absent: memories stay on this disk. */
  readonly replication?: (context: ReplicationContext) => Replication;
}

/**
 * The memory client of a data folder. Cheap: files, wallet, threads and model are opened by the first call that needs
 * them. Several processes may open the same folder.
 */
export function openMemoryClient(options: OpenClientOptions): MemoryClient {
  const { home, log, clock = systemClock, embedder = new UseLiteEmbedder() } = options;
  const stop = new AbortController();
  const { signal } = stop;
  const releases = new ReleaseStack();
  releases.use(embedder);
  const store = releases.use(memoryStore(home));
  const wallet = once(async () => (await import("../chain/wallet.ts")).openWallet(walletFolder(home)));
  let opened: ChainClient | undefined;
  // Registered now, so that it closes after the replication, which talks to it until its end.
  releases.defer(() => opened?.[Symbol.asyncDispose]());
  const chain = once(() => {
    opened = openChain(options.chain ?? "local", home);
    return opened;
  });
  const leases = new Leases({ store, clock });
  const stored = (namespace: string, pieces: readonly number[]) => vectors.add(namespace, pieces);
  const context = { home, store, leases, wallet, chain, embedder, clock, log, signal, stored };
  const replication = releases.use(options.replication?.(context) ?? localOnly);
  const vectors = new VectorWriter({ store, embedder, clock, log, signal });
  const background = new Background({ ...context, vectors, wake: () => replication.wake() });
  const namespaces = new NamespaceKeeper({ store, clock, wallet });
  const archives = releases.use(
    openArchives(options, {
      ...{ home, store, leases, clock, log, signal },
      openNamespace: (name) => namespaces.open(name),
      stored: (namespace, pieces) => {
        vectors.add(namespace, pieces);
        replication.wake();
      },
    }),
  );
  releases.defer(async () => {
    stop.abort(new Error("the memory client is closing"));
    await background.stopped();
    await vectors.idle();
  });
  return new LocalMemoryClient(options, {
    store,
    vectors,
    background,
    replication,
    archives,
    clock,
    namespaces,
    recaller: new Recaller({ store, embedder, vectors, leftovers: background, replication, clock, log }),
    readStatus: () => readStatus({ home, store, embedder, replication, clock, wallet, chain }),
    close: () => releases[Symbol.asyncDispose](),
  });
}

/** Where the memory wallet of a data folder lies. */
export function walletFolder(home: string): string {
  return join(home, "wallet");
}

/** Made at the first call; one that failed is tried again by the next. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    if (made) return made.value;
    const value = make();
    made = { value };
    if (value instanceof Promise) {
      value.catch(() => {
        made = undefined;
      });
    }
    return value;
  };
}
