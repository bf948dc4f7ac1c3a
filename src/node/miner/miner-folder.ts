import { join } from "node:path";
import { minerNoiseKey, shareKeyPair, shareStoreKey } from "../../crypto/keys.ts";
import { loadSr25519 } from "../../crypto/sr25519.ts";
import { openWallet, type Wallet } from "../chain/wallet.ts";
import type { Clock } from "../runtime/clock.ts";
import { Secret } from "../runtime/secret.ts";
import { EmbeddedVectorStore } from "../vectors/embedded/embedded-vector-store.ts";
import { EmbeddedCommitments } from "../vectors/embedded/record-commitments.ts";
import type { MinerDeps } from "./miner-options.ts";
import { openShareStore } from "./shares/share-store.ts";

/**
 * What a miner keeps in its folder: its records, the key shares it was given, and a hotkey of its own made at the first start. The memory wallet is
 * never used: whoever gets hold of a miner must not hold its owner's memories too.
 */
export async function openMinerFolder(
  folder: string,
  clock: Clock,
  openStore: (path: string) => EmbeddedVectorStore | Promise<EmbeddedVectorStore> = (path) =>
    new EmbeddedVectorStore({ path, clock }),
): Promise<Omit<MinerDeps, "embedder" | "chain" | "clock" | "logger">> {
  const [identity, sr25519] = await Promise.all([openMinerIdentity(folder), loadSr25519()]);
  const path = join(folder, "records.db");
  const store = await openStore(path);
  const commitments = new EmbeddedCommitments({ path });
  const shares = openShareStore(join(folder, "shares.db"), new Secret(shareStoreKey(identity.memoryRoot.reveal())));
  const shareKeys = new Secret(shareKeyPair(identity.memoryRoot.reveal()));
  const noiseKey = new Secret(minerNoiseKey(identity.memoryRoot.reveal()));
  return { store, namespaces: store.namespaces, commitments, shares, shareKeys, noiseKey, identity, sr25519 };
}

/** The hotkey of the miner in `folder`, made when it is not there. */
export async function openMinerIdentity(folder: string): Promise<Wallet> {
  return await openWallet(join(folder, "identity"));
}
