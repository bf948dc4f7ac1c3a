const alphabet = /^[A-Za-z0-9_-]*={0,2}$/;

/** Base64url with padding, as the subnet's envelopes are written (spec 10.2). */
export function toBase64url(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64url");
  return text.padEnd(Math.ceil(text.length / 4) * 4, "=");
}

/**
 * Reads base64url, padded or not (spec 16.8); `undefined` for any other character, wrong padding, or a second spelling
 * of the same bytes (unused bits set).
 */
export function fromBase64url(text: string): Uint8Array | undefined {
  if (!alphabet.test(text)) return undefined;
  const bytes = new Uint8Array(Buffer.from(text, "base64url"));
  const padded = toBase64url(bytes);
  const matches = text.includes("=") ? padded === text : padded.replace(/=+$/, "") === text;
  return matches ? bytes : undefined;
}
