import { createHash } from "node:crypto";
import type { NamespaceSecret } from "./keys.ts";

/**
 * What a grant says of the secrets that come with it, so that they are its owner's own: SHA-256 over the secrets of the
 * epochs from 0 on, in hex. They are 32 random bytes each: the digest tells nothing of them.
 */
export function secretsDigest(secrets: readonly NamespaceSecret[]): string {
  const hash = createHash("sha256").update("engram-grant-secrets/1\0");
  for (const secret of secrets) hash.update(secret);
  return hash.digest("hex");
}
