import { randomBytes } from "node:crypto";
import { join } from "node:path";
import Database from "better-sqlite3";
import { sealEnvelope } from "../../src/crypto/envelope.ts";
import { shareKeyPair } from "../../src/crypto/keys.ts";
import type { X25519Pair } from "../../src/crypto/x25519.ts";
import { openWallet } from "../../src/node/chain/wallet.ts";
import type { TcpMiners } from "./tcp-miners.ts";

/** The pair that a miner's shares are sealed to. */
export async function shareKeysIn(folder: string): Promise<X25519Pair> {
  const { memoryRoot } = await openWallet(join(folder, "identity"));
  return shareKeyPair(memoryRoot.reveal());
}

interface ShareRow {
  readonly namespace: string;
  readonly epoch: number;
  readonly share_index: number;
  readonly sealed: string;
}

/** What a stopped miner keeps. */
export function keptShares(folder: string): readonly ShareRow[] {
  const database = new Database(join(folder, "shares.db"), { readonly: true });
  try {
    return database.prepare<[], ShareRow>("SELECT namespace, epoch, share_index, sealed FROM share").all();
  } finally {
    database.close();
  }
}

/** Makes a miner answer with a share that nobody made, properly sealed and signed by itself. */
export async function makeLie(miners: TcpMiners, index: number): Promise<void> {
  await miners.stop(index);
  const folder = miners.folders[index] ?? "";
  const { publicKey } = await shareKeysIn(folder);
  const database = new Database(join(folder, "shares.db"));
  database.prepare("UPDATE share SET sealed = ?").run(sealEnvelope(randomBytes(32), publicKey));
  database.close();
  await miners.restart(index);
}
