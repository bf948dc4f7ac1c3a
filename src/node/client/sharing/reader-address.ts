import { fromBase64url, toBase64url } from "../../../crypto/base64url.ts";
import { EngramError } from "../../../crypto/errors.ts";
import { fromHex, toHex } from "../../../crypto/hex.ts";
import { readerKeyPair } from "../../../crypto/keys.ts";
import { verifyHotkeySignature } from "../../../crypto/request-auth.ts";
import type { Sr25519 } from "../../../crypto/sr25519.ts";
import { type Hotkey, isHotkey } from "../../../crypto/ss58.ts";
import type { Wallet } from "../../chain/wallet.ts";

/** Whom a namespace is shared with, and what it is sealed to. */
export interface Reader {
  readonly hotkey: Hotkey;
  /** X25519, 32 bytes. */
  readonly key: Uint8Array;
}

const PREFIX = "engram-reader-";
const KEY_BYTES = 32;

/** `engram-reader-` and, in base64url, the key, its signature by the hotkey (64 bytes) and the hotkey. */
export function readerAddress(wallet: Wallet): string {
  const { publicKey } = readerKeyPair(wallet.memoryRoot.reveal());
  const signature = wallet.sign(message(wallet.hotkey, publicKey));
  const bytes = Buffer.concat([publicKey, signature, Buffer.from(wallet.hotkey, "utf8")]);
  return PREFIX + toBase64url(bytes).replace(/=+$/, "");
}

/** The reader that an address names, checked to be that hotkey's own word. Throws `READER_ADDRESS`. */
export function parseReaderAddress(sr25519: Sr25519, text: string): Reader {
  const address = text.trim();
  if (isHotkey(address)) throw invalid("a hotkey alone has no key to seal to");
  const bytes = address.startsWith(PREFIX) ? fromBase64url(address.slice(PREFIX.length)) : undefined;
  if (!bytes || bytes.length > 300) throw invalid("this is no reader's address");
  const key = bytes.subarray(0, KEY_BYTES);
  const signature = bytes.subarray(KEY_BYTES, KEY_BYTES + 64);
  const hotkey = Buffer.from(bytes.subarray(KEY_BYTES + 64)).toString("utf8");
  if (!isHotkey(hotkey) || !verifyHotkeySignature(sr25519, hotkey, message(hotkey, key), toHex(signature))) {
    throw invalid("this reader's address is damaged or was changed");
  }
  return { hotkey, key: Uint8Array.from(key) };
}

/** A key as the store keeps it. */
export function keyOfHex(hex: string): Uint8Array {
  return fromHex(hex, KEY_BYTES) ?? new Uint8Array(KEY_BYTES);
}

function message(hotkey: Hotkey, key: Uint8Array): Uint8Array {
  return Buffer.from(`engram-reader/1:${hotkey}:${toHex(key)}`, "utf8");
}

function invalid(what: string): EngramError {
  return new EngramError("READER_ADDRESS", what, {
    fix: "the reader runs `engram namespaces request` and sends you the line that it prints",
  });
}
