import { createHash } from "node:crypto";

declare const hotkeyBrand: unique symbol;

/** An SS58 address of network prefix 42 whose checksum was verified. */
export type Hotkey = string & { readonly [hotkeyBrand]: true };

const PREFIX = 42;
const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const CHECKSUM_BYTES = 2;
const BYTES = 1 + 32 + CHECKSUM_BYTES;

/** The address of a 32-byte public key. */
export function hotkeyOf(publicKey: Uint8Array): Hotkey {
  if (publicKey.length !== 32) throw new RangeError("a public key has 32 bytes");
  const body = new Uint8Array([PREFIX, ...publicKey]);
  return base58(new Uint8Array([...body, ...checksum(body)])) as Hotkey;
}

/** The 32-byte public key of an address of prefix 42; `undefined` for any other text. */
export function decodeHotkey(text: string): Uint8Array | undefined {
  // 35 bytes that begin with 42 always take 48 digits.
  if (text.length !== 48) return undefined;
  const bytes = fromBase58(text);
  if (bytes === undefined || bytes[0] !== PREFIX) return undefined;
  const body = bytes.subarray(0, BYTES - CHECKSUM_BYTES);
  return Buffer.compare(checksum(body), bytes.subarray(body.length)) === 0 ? body.slice(1) : undefined;
}

/** Whether `text` is a valid address of prefix 42. */
export function isHotkey(text: string): text is Hotkey {
  return decodeHotkey(text) !== undefined;
}

function checksum(body: Uint8Array): Uint8Array {
  const hash = createHash("blake2b512").update("SS58PRE").update(body).digest();
  return new Uint8Array(hash.subarray(0, CHECKSUM_BYTES));
}

function base58(bytes: Uint8Array): string {
  let rest = BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
  let text = "";
  for (; rest > 0n; rest /= 58n) text = (ALPHABET[Number(rest % 58n)] ?? "") + text;
  return text;
}

function fromBase58(text: string): Uint8Array | undefined {
  let value = 0n;
  for (const character of text) {
    const digit = ALPHABET.indexOf(character);
    if (digit < 0) return undefined;
    value = value * 58n + BigInt(digit);
  }
  const hex = value.toString(16).padStart(BYTES * 2, "0");
  return hex.length === BYTES * 2 ? new Uint8Array(Buffer.from(hex, "hex")) : undefined;
}
