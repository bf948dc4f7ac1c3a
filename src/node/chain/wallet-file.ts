import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import { fromHex, toHex } from "../../crypto/hex.ts";
import { phraseToSeed, tidyPhrase } from "../../crypto/phrase.ts";
import { loadSr25519, type Sr25519Pair } from "../../crypto/sr25519.ts";
import { decodeHotkey, type Hotkey, hotkeyOf, isHotkey } from "../../crypto/ss58.ts";
import { Secret } from "../runtime/secret.ts";

/** A hotkey that can sign. */
export interface SigningKey {
  readonly kind: "signing";
  readonly hotkey: Hotkey;
  readonly pair: Secret<Sr25519Pair>;
  /** Absent where the file holds the private key alone. */
  readonly seed: Secret<Uint8Array> | undefined;
  readonly phrase: Secret<string> | undefined;
}

/** A hotkey of which only the address is known. */
export interface WatchOnlyKey {
  readonly kind: "watch-only";
  readonly hotkey: Hotkey;
}

const SR25519 = 1;
const text = z.string().nullish();
const keyFile = z.looseObject({
  secretPhrase: text,
  secretSeed: text,
  privateKey: text,
  ss58Address: text,
  cryptoType: z.int().nullish(),
});
type KeyFile = z.infer<typeof keyFile>;

/** What encrypted key files begin with. */
const encryptions: readonly (readonly [prefix: string, name: string])[] = [
  ["$NACL", "encrypted by btcli ($NACL) inside another file"],
  ["$ANSIBLE_VAULT", "encrypted with Ansible Vault"],
  ["gAAAAA", "encrypted with Fernet"],
];

/** The text of a hotkey file in btcli's plain JSON form, which btcli loads as its own. */
export async function writeKeyFile(phrase: string): Promise<string> {
  const key = await signingKey(await phraseToSeed(phrase), tidyPhrase(phrase), undefined);
  return plainKeyFile(key);
}

/** As `writeKeyFile`, of a key that was read. */
export function plainKeyFile({ hotkey, pair, seed, phrase }: SigningKey): string {
  const publicKeyHex = `0x${toHex(pair.reveal().publicKey)}`;
  const fields = {
    accountId: publicKeyHex,
    publicKey: publicKeyHex,
    ...(phrase && { secretPhrase: phrase.reveal() }),
    ...(seed && { secretSeed: `0x${toHex(seed.reveal())}` }),
    ss58Address: hotkey,
    cryptoType: SR25519,
  };
  return `${JSON.stringify(fields)}\n`;
}

/**
 * Reads a hotkey file: btcli's plain JSON, or a bare seed or phrase. The derived address must be the one the file
 * states. Throws `HOTKEY_UNSUPPORTED` (naming the format), `HOTKEY_INVALID` or `HOTKEY_MISMATCH`; no error quotes the
 * file.
 */
export async function readKeyFile(content: string): Promise<SigningKey | WatchOnlyKey> {
  const trimmed = content.trim();
  const encryption = encryptions.find(([prefix]) => trimmed.startsWith(prefix));
  if (encryption !== undefined) throw unsupported(encryption[1]);
  if (!trimmed.startsWith("{")) return readBareSecret(trimmed);
  const file = parseKeyFile(trimmed);
  const stated = statedHotkey(file);
  if (file.secretPhrase) return signingKey(await phraseSeed(file), file.secretPhrase, stated);
  if (file.secretSeed) return signingKey(seedBytes(file.secretSeed), undefined, stated);
  if (file.privateKey) return await privateKeyAlone(file.privateKey, stated);
  if (stated === undefined) throw invalid("holds neither a phrase, a seed nor an address");
  return { kind: "watch-only", hotkey: stated };
}

function parseKeyFile(content: string): KeyFile {
  const file = keyFile.safeParse(parseJson(content));
  // The parser's own message would quote the file.
  if (!file.success) throw invalid("is not the JSON that btcli writes");
  if ("encoded" in file.data || "encoding" in file.data) throw unsupported("a polkadot.js export");
  if ((file.data.cryptoType ?? SR25519) !== SR25519) throw unsupported("a key that is not sr25519");
  return file.data;
}

function parseJson(content: string): unknown {
  try {
    const value: unknown = JSON.parse(content);
    if (typeof value !== "object" || value === null) return undefined;
    // Old files spell a key with a blank before it.
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key.trim(), item]));
  } catch {
    return undefined;
  }
}

function statedHotkey(file: KeyFile): Hotkey | undefined {
  const address = file.ss58Address;
  if (!address) return undefined;
  if (!isHotkey(address)) throw invalid("states an address that is not SS58 with prefix 42");
  return address;
}

async function readBareSecret(content: string): Promise<SigningKey> {
  if (/^(0x)?[0-9a-fA-F]{64}$/.test(content)) return signingKey(seedBytes(content), undefined, undefined);
  if (/^[a-z]+(\s+[a-z]+){11,23}$/.test(content)) {
    return signingKey(await phraseToSeed(content), content, undefined);
  }
  throw invalid("is neither JSON nor a seed nor a phrase");
}

async function phraseSeed({ secretPhrase, secretSeed }: KeyFile): Promise<Uint8Array> {
  const seed = await phraseToSeed(secretPhrase ?? "");
  if (secretSeed && toHex(seedBytes(secretSeed)) !== toHex(seed)) throw mismatch("phrase and seed");
  return seed;
}

function seedBytes(hex: string): Uint8Array {
  const seed = fromHex(hex, 32);
  if (seed === undefined) throw invalid("holds a seed that is not 32 bytes of hex");
  return seed;
}

async function signingKey(
  seed: Uint8Array,
  phrase: string | undefined,
  stated: Hotkey | undefined,
): Promise<SigningKey> {
  const pair = (await loadSr25519()).pairFromSeed(seed);
  const hotkey = hotkeyOf(pair.publicKey);
  if (stated !== undefined && stated !== hotkey) throw mismatch("secret and address");
  return {
    kind: "signing",
    hotkey,
    pair: new Secret(pair),
    seed: new Secret(seed),
    phrase: phrase === undefined ? undefined : new Secret(phrase),
  };
}

/**
 * The stored form of the scalar differs: sp-core keeps it as it is, polkadot.js times eight, and the signer takes the
 * latter. The one whose signature the stated address confirms is the key.
 */
async function privateKeyAlone(hex: string, stated: Hotkey | undefined): Promise<SigningKey> {
  const stored = fromHex(hex, 64);
  if (stored === undefined) throw invalid("holds a private key that is not 64 bytes of hex");
  const publicKey = stated && decodeHotkey(stated);
  if (stated === undefined || publicKey === undefined) throw invalid("holds a private key without its address");
  const sr25519 = await loadSr25519();
  const message = Buffer.from("engram-key-check/1", "utf8");
  const secretKey = [stored, timesEight(stored)].find((secret) => {
    try {
      return sr25519.verify(sr25519.sign({ publicKey, secretKey: secret }, message), message, publicKey);
    } catch {
      // Not a scalar in this form.
      return false;
    }
  });
  if (secretKey === undefined) throw mismatch("private key and address");
  const pair = new Secret({ publicKey, secretKey });
  return { kind: "signing", hotkey: stated, pair, seed: undefined, phrase: undefined };
}

/** The key with its first 32 bytes, a little-endian number, times eight. */
function timesEight(secret: Uint8Array): Uint8Array {
  let carry = 0;
  return secret.map((byte, index) => {
    if (index >= 32) return byte;
    const shifted = (byte << 3) | carry;
    carry = shifted >> 8;
    return shifted & 0xff;
  });
}

function unsupported(what: string): EngramError {
  return new EngramError("HOTKEY_UNSUPPORTED", `This hotkey file is ${what}, which cannot be loaded.`, {
    fix: "Regenerate it in plain form from its phrase with `btcli wallet regen-hotkey`, or name another file.",
  });
}

function invalid(what: string): EngramError {
  return new EngramError("HOTKEY_INVALID", `This hotkey file ${what}.`, {
    fix: "Restore the file from a backup, or regenerate it from its phrase.",
  });
}

function mismatch(what: string): EngramError {
  return new EngramError("HOTKEY_MISMATCH", `The hotkey file's ${what} do not belong together.`, {
    fix: "Restore the file from a backup: it was edited or damaged.",
  });
}
