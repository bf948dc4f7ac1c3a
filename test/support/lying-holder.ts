import { randomBytes } from "node:crypto";
import { join } from "node:path";
import Database from "better-sqlite3";
import { sealEnvelope } from "../../src/crypto/envelope.ts";
import { shareKeyPair, shareStoreKey } from "../../src/crypto/keys.ts";
import type { X25519Pair } from "../../src/crypto/x25519.ts";
import { openWallet } from "../../src/node/chain/wallet.ts";
import { type KeptShare, ShareCipher } from "../../src/node/miner/shares/share-cipher.ts";
import type { TcpMiners } from "./tcp-miners.ts";

/** The pair that a miner's shares are sealed to. */
export async function shareKeysIn(folder: string): Promise<X25519Pair> {
  const { memoryRoot } = await openWallet(join(folder, "identity"));
  return shareKeyPair(memoryRoot.reveal());
}

async function cipherIn(folder: string): Promise<ShareCipher> {
  const { memoryRoot } = await openWallet(join(folder, "identity"));
  return new ShareCipher(shareStoreKey(memoryRoot.reveal()));
}

interface Row {
  readonly epoch_place: Buffer;
  readonly namespace_place: Buffer;
  readonly content: Buffer;
}

/** What a stopped miner keeps. */
export async function keptShares(folder: string): Promise<readonly KeptShare[]> {
  const cipher = await cipherIn(folder);
  const database = new Database(join(folder, "shares.db"), { readonly: true });
  try {
    const rows = database.prepare<[], Row>("SELECT * FROM kept").all();
    return rows.map(({ content, namespace_place }) => cipher.openShare(content, namespace_place));
  } finally {
    database.close();
  }
}

/** Makes a miner answer with a share that nobody made, properly sealed and signed by itself. */
export async function makeLie(miners: TcpMiners, index: number): Promise<void> {
  await miners.stop(index);
  const folder = miners.folders[index] ?? "";
  const { publicKey } = await shareKeysIn(folder);
  const cipher = await cipherIn(folder);
  const database = new Database(join(folder, "shares.db"));
  for (const { epoch_place, namespace_place, content } of database.prepare<[], Row>("SELECT * FROM kept").all()) {
    const share = cipher.openShare(content, namespace_place);
    const lie = cipher.sealShare({ ...share, sealed: sealEnvelope(randomBytes(32), publicKey) });
    database.prepare("UPDATE kept SET content = ? WHERE epoch_place = ?").run(lie, epoch_place);
  }
  database.close();
  await miners.restart(index);
}
