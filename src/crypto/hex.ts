const hexPairs = /^(?:[0-9a-fA-F]{2})*$/;

/** Lower-case hex of `bytes`, without a prefix. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

/**
 * Reads hex of any letter case with an optional `0x`; `undefined` when a character or the length is wrong.
 * `Buffer.from(text, "hex")` alone stops silently at the first bad character.
 */
export function fromHex(text: string, length?: number): Uint8Array | undefined {
  const digits = text.startsWith("0x") ? text.slice(2) : text;
  if (!hexPairs.test(digits)) return undefined;
  if (length !== undefined && digits.length !== length * 2) return undefined;
  return new Uint8Array(Buffer.from(digits, "hex"));
}
