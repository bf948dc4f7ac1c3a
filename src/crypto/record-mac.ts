import { createHmac, timingSafeEqual } from "node:crypto";
import { fromHex, toHex } from "./hex.ts";
import type { NamespaceSecret } from "./keys.ts";

/**
 * The seal of a private record's content: HMAC-SHA256 under the namespace's secret, in hex. An envelope can be written
 * by anyone who knows the public key; only the owner can make this.
 */
export function recordMac(secret: NamespaceSecret, content: string): string {
  return toHex(createHmac("sha256", secret).update("engram-record-mac/1\0").update(content, "utf8").digest());
}

/** Whether `mac` is the seal of `content`, in constant time; malformed input is `false`. */
export function recordMacMatches(secret: NamespaceSecret, content: string, mac: string): boolean {
  const given = fromHex(mac, 32);
  const wanted = fromHex(recordMac(secret, content), 32);
  return given !== undefined && wanted !== undefined && timingSafeEqual(given, wanted);
}
