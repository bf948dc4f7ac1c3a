import { join } from "node:path";
import { EngramError } from "../../crypto/errors.ts";
import { type MemoryRoot, memoryRoot } from "../../crypto/keys.ts";
import { generatePhrase } from "../../crypto/phrase.ts";
import { loadSr25519 } from "../../crypto/sr25519.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import type { ChainSigner } from "../ports.ts";
import { Secret } from "../runtime/secret.ts";
import { type PasswordSource, passwordVariable } from "./key-password.ts";
import { isNaclFile, openNaclFile } from "./nacl-key-file.ts";
import { plainKeyFile, readKeyFile, type SigningKey, writeKeyFile } from "./wallet-file.ts";
import { createOnce, readBytesIfThere, readIfThere } from "./wallet-store.ts";

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
  const content = await writeKeyFile(phrase.reveal());
  const present = await placeOnce(folder, content, (await readKeyFile(content)).hotkey);
  await markBackupMade(folder);
  return { ...present, backupMade: true };
}

/** Notes that the phrase was written down; status and doctor stop asking for it. */
export async function markBackupMade(folder: string): Promise<void> {
  await createOnce(join(folder, BACKUP_MARKER), "");
}

/**
 * Loads a hotkey file that btcli keeps, encrypted ones with what `password` gives. Its backup is btcli's business and
 * counts as made. Throws `HOTKEY_NOT_FOUND`, `HOTKEY_WATCH_ONLY`, `HOTKEY_ENCRYPTED`, `KEY_PASSWORD_WRONG`,
 * `HOTKEY_NO_SEED`, and the errors of `readKeyFile`.
 */
export async function loadHotkeyFile(path: string, password?: PasswordSource): Promise<Wallet> {
  return walletOf(await signingKeyIn(path, password), true);
}

/** As `loadHotkeyFile`, for what signs alone: a coldkey, or a private key without its seed. */
export async function loadSigner(path: string, password?: PasswordSource): Promise<ChainSigner> {
  const { hotkey, pair } = await signingKeyIn(path, password);
  const sr25519 = await loadSr25519();
  return { hotkey, sign: (message) => sr25519.sign(pair.reveal(), message) };
}

/**
 * Makes the key of btcli's file at `path` the one in `folder`, in plain form: a service starts without anybody who types a
 * password. Throws the errors of `loadHotkeyFile`, and `WALLET_EXISTS` when another one is there.
 */
export async function importHotkeyFile(folder: string, path: string, password?: PasswordSource): Promise<Wallet> {
  const key = await signingKeyIn(path, password);
  const wallet = await walletOf(key, true);
  const present = await placeOnce(folder, plainKeyFile(key), wallet.hotkey);
  await markBackupMade(folder);
  return { ...present, backupMade: true };
}

/** A wallet with a new phrase in `folder`. Throws `WALLET_EXISTS` when there is one already. */
export async function createWallet(folder: string): Promise<Wallet> {
  const path = join(folder, HOTKEY_FILE);
  const content = await writeKeyFile(await generatePhrase());
  if (await createOnce(path, content)) return walletIn(folder, content);
  throw walletExists(folder, (await walletIn(folder, await requireFile(path))).hotkey);
}

/** The wallet in `folder`; null where there is none. */
export async function findWallet(folder: string): Promise<Wallet | null> {
  const content = await readIfThere(join(folder, HOTKEY_FILE));
  return content === undefined ? null : walletIn(folder, content);
}

/** Puts the file there unless another key is. */
async function placeOnce(folder: string, content: string, hotkey: Hotkey): Promise<Wallet> {
  const path = join(folder, HOTKEY_FILE);
  await createOnce(path, content);
  const present = await walletIn(folder, await requireFile(path));
  if (present.hotkey !== hotkey) throw walletExists(folder, present.hotkey);
  return present;
}

function walletExists(folder: string, hotkey: Hotkey): EngramError {
  return new EngramError("WALLET_EXISTS", `There is already another wallet, ${hotkey}, in ${folder}.`, {
    fix: "Back it up and move its folder away, or name another folder.",
  });
}

async function signingKeyIn(path: string, password: PasswordSource | undefined): Promise<SigningKey> {
  const content = await readBytesIfThere(path);
  if (content === undefined) {
    throw new EngramError("HOTKEY_NOT_FOUND", `There is no key file at ${path}.`, {
      fix: "Name the file itself, as in ~/.bittensor/wallets/NAME/hotkeys/HOTKEY.",
    });
  }
  if (!isNaclFile(content)) return readSigningKey(content.toString("utf8"));
  const given = await password?.(path);
  if (given) return readSigningKey(await openNaclFile(content, given));
  throw new EngramError("HOTKEY_ENCRYPTED", `The key file ${path} is encrypted ($NACL), and no password was given.`, {
    fix: `Name a file with the password by --password-file, set ${passwordVariable(path)} as btcli does, or run it in a terminal.`,
  });
}

async function walletIn(folder: string, content: string): Promise<Wallet> {
  const backupMade = (await readIfThere(join(folder, BACKUP_MARKER))) !== undefined;
  return walletOf(await readSigningKey(content), backupMade);
}

async function walletOf(key: SigningKey, backupMade: boolean): Promise<Wallet> {
  const { seed } = key;
  if (seed === undefined) {
    throw new EngramError("HOTKEY_NO_SEED", `The key file of ${key.hotkey} holds a private key without its seed.`, {
      fix: "What a wallet owns derives from the seed: load the file that holds the phrase or seed.",
    });
  }
  const sr25519 = await loadSr25519();
  return {
    hotkey: key.hotkey,
    publicKey: key.pair.reveal().publicKey,
    sign: (message) => sr25519.sign(key.pair.reveal(), message),
    memoryRoot: new Secret(memoryRoot(seed.reveal())),
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
