import { EngramError } from "../../../crypto/errors.ts";
import { loadSr25519 } from "../../../crypto/sr25519.ts";
import { openChain } from "../../chain/open-chain.ts";
import { importPhrase, type Wallet } from "../../chain/wallet.ts";
import type { ChainClient, Embedder } from "../../ports.ts";
import { type Clock, systemClock } from "../../runtime/clock.ts";
import { createHttpClient, type HttpClient } from "../../runtime/http-client.ts";
import { ReleaseStack } from "../../runtime/release-stack.ts";
import type { Secret } from "../../runtime/secret.ts";
import { walletFolder } from "../open-client.ts";
import { type MemoryStore, memoryStore } from "../store/memory-store.ts";
import { MinerDirectory, type MinerView } from "./miner-directory.ts";
import { knownMiners, parseMinerList } from "./miner-list.ts";
import { keyValues } from "./open-replication.ts";
import { Restoration, type RestoreProgress, type RestoreResult } from "./restoration.ts";
import { RequestSigner } from "./signer.ts";

export interface RestoreOptions {
  /** An empty folder, or one with the same wallet: an interrupted restore is simply run again. */
  readonly home: string;
  readonly phrase: Secret<string>;
  /** As in ENGRAM_MINERS; without any, those the chain shows. */
  readonly miners?: string;
  /** As in ENGRAM_CHAIN; default `local`. */
  readonly chain?: string;
  readonly embedder: Embedder;
  readonly clock?: Clock;
  readonly http?: HttpClient;
  readonly onProgress?: (progress: RestoreProgress) => void;
  /** Leaves the memories at the miners: namespaces with remote search are asked for there, others wait. Default false. */
  readonly keysOnly?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Rebuilds a home from the phrase and what miners hold: wallet, directory, namespaces, memories with their ids, order
 * and times, and who holds which replica. What was forgotten stays forgotten: tombstones are read first, and copies
 * that outlived them are deleted. A dead or lying miner costs what it alone held, nothing else.
 *
 * Errors: `PHRASE_INVALID`, `WALLET_EXISTS`, `MINERS_INVALID`, `MINERS_UNREACHABLE`.
 */
export async function restore(options: RestoreOptions): Promise<RestoreResult> {
  await using stack = new ReleaseStack();
  const { home, clock = systemClock, signal = new AbortController().signal } = options;
  const wallet = await importPhrase(walletFolder(home), options.phrase);
  const store = stack.use(memoryStore(home));
  const chain = stack.use(openChain(options.chain ?? "local", home));
  const views = await lookAtMiners(options, wallet, store, chain);
  const { embedder, onProgress, keysOnly = false } = options;
  return await new Restoration(
    { embedder, clock, signal, keysOnly, ...(onProgress ? { onProgress } : {}) },
    { wallet, store, chain, views },
  ).run();
}

async function lookAtMiners(
  options: RestoreOptions,
  wallet: Wallet,
  store: MemoryStore,
  chain: ChainClient,
): Promise<readonly MinerView[]> {
  const { clock = systemClock, http = createHttpClient() } = options;
  const configured = parseMinerList(options.miners ?? "");
  const directory = new MinerDirectory({
    miners: () => knownMiners(configured, chain, async () => undefined),
    ownMiner: async () => undefined,
    httpFor: () => http,
    signer: new RequestSigner(wallet, clock),
    sr25519: await loadSr25519(),
    chainIdentity: () => chain.identity(),
    values: keyValues(store),
    clock,
  });
  const views = await directory.refresh(options.signal);
  if (views.some((view) => view.reachable && view.trusted)) return views;
  throw new EngramError("MINERS_UNREACHABLE", "no miner answers, so there is nothing to restore from", {
    fix: "start the miners that hold your memories; set ENGRAM_MINERS to their hotkey@url when the chain does not show them",
  });
}
