import { join } from "node:path";
import { EngramError } from "../../crypto/errors.ts";
import { type MemoryRoot, memoryRoot } from "../../crypto/keys.ts";
import { generatePhrase } from "../../crypto/phrase.ts";
import { loadSr25519 } from "../../crypto/sr25519.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import { Secret } from "../runtime/secret.ts";
import { readKeyFile, type SigningKey, writeKeyFile } from "./wallet-file.ts";
import { createOnce, readIfThere } from "./wallet-store.ts";

/** A key that signs and owns namespaces. */
export interface Wallet {
  readonly hotkey: Hotkey;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** A 64-byte sr25519 signature. */
  sign(message: Uint8Array): Uint8Array;
  /** What every namespace secret, wire name and envelope key derives from. */
  readonly memoryRoot: Secret<MemoryRoot>;
  /** Absent where only a seed is known. */
  readonly phrase?: Secret<string>;
  readonly backupMade: boolean;
}

const HOTKEY_FILE = "hotkey";
const BACKUP_MARKER = "backup-made";

/**
 * Opens the wallet in `folder`, creating one with a new 12-word phrase on first use. However many processes do so at
 * once, all get the same wallet. Throws the errors of `readKeyFile`, and `WALLET_UNREADABLE`; a wallet that cannot be
 * read is never replaced.
 */
export async function openWallet(folder: string): Promise<Wallet> {
  const path = join(folder, HOTKEY_FILE);
  const found = await readIfThere(path);
  if (found !== undefined) return walletIn(folder, found);
  await createOnce(path, await writeKeyFile(await generatePhrase()));
  // Read back in any case: another process may have been first.
  return walletIn(folder, await requireFile(path));
}

/**
 * Makes the wallet of `phrase` the one in `folder`. Who can type the phrase has a backup, so it counts as made.
 * Throws `PHRASE_INVALID`, and `WALLET_EXISTS` when another wallet is there: nothing overwrites a wallet.
 */
export async function importPhrase(folder: string, phrase: Secret<string>): Promise<Wallet> {
  const path = join(folder, HOTKEY_FILE);
  const content = await writeKeyFile(phrase.reveal());
  const wanted = await readKeyFile(content);
  await createOnce(path, content);
  const present = await walletIn(folder, await requireFile(path));
  if (present.hotkey !== wanted.hotkey) {
    throw new EngramError("WALLET_EXISTS", `There is already another wallet, ${present.hotkey}, in ${folder}.`, {
      fix: "Back it up and move its folder away, or set ENGRAM_HOME to another folder.",
    });
  }
  await markBackupMade(folder);
  return { ...present, backupMade: true };
}

/** Notes that the phrase was written down; status and doctor stop asking for it. */
export async function markBackupMade(folder: string): Promise<void> {
  await createOnce(join(folder, BACKUP_MARKER), "");
}

/**
 * Loads a hotkey file that btcli keeps. Its backup is btcli's business and counts as made.
 * Throws `HOTKEY_NOT_FOUND`, `HOTKEY_WATCH_ONLY`, and the errors of `readKeyFile`.
 */
export async function loadHotkeyFile(path: string): Promise<Wallet> {
  const content = await readIfThere(path);
  if (content === undefined) {
    throw new EngramError("HOTKEY_NOT_FOUND", `There is no hotkey file at ${path}.`, {
      fix: "Name the file itself, as in ~/.bittensor/wallets/NAME/hotkeys/HOTKEY.",
    });
  }
  return walletOf(await readSigningKey(content), true);
}

async function walletIn(folder: string, content: string): Promise<Wallet> {
  const backupMade = (await readIfThere(join(folder, BACKUP_MARKER))) !== undefined;
  return walletOf(await readSigningKey(content), backupMade);
}

async function walletOf(key: SigningKey, backupMade: boolean): Promise<Wallet> {
  const sr25519 = await loadSr25519();
  return {
    hotkey: key.hotkey,
    publicKey: key.pair.reveal().publicKey,
    sign: (message) => sr25519.sign(key.pair.reveal(), message),
    memoryRoot: new Secret(memoryRoot(key.seed.reveal())),
    ...(key.phrase === undefined ? {} : { phrase: key.phrase }),
    backupMade,
  };
}

async function readSigningKey(content: string): Promise<SigningKey> {
  const key = await readKeyFile(content);
  if (key.kind === "signing") return key;
  throw new EngramError("HOTKEY_WATCH_ONLY", `The hotkey file of ${key.hotkey} holds an address without a secret.`, {
    fix: "A watch-only key cannot own namespaces or sign: load the file that holds its phrase or seed.",
  });
}

async function requireFile(path: string): Promise<string> {
  const content = await readIfThere(path);
  if (content !== undefined) return content;
  throw new EngramError("WALLET_UNREADABLE", `The wallet file ${path} disappeared while it was opened.`, {
    fix: "Check what else works on this folder, then try again.",
  });
}
