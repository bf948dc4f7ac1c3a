import { hkdfSync, pbkdf2, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

const ITERATIONS = 100_000;
const VERIFIER_BYTES = 32;
const derive = promisify(pbkdf2);

/**
 * What a miner keeps to recognise the key of a namespace of the old scheme (spec 6.1, 6.3). The reference keeps the
 * PBKDF2 output itself, which is the key that such namespaces are encrypted under (M-W4, F2); this is derived from it
 * by a one-way step and opens nothing. Takes 65 ms on another thread.
 */
export async function legacyKeyVerifier(namespaceKey: string, namespace: string): Promise<Uint8Array> {
  const encryptionKey = await derive(namespaceKey, namespace, ITERATIONS, 32, "sha256");
  const verifier = hkdfSync("sha256", encryptionKey, new Uint8Array(), "engram-auth-verifier", VERIFIER_BYTES);
  return new Uint8Array(verifier);
}

/** Whether `namespaceKey` is the one `verifier` was made of. Takes as long when there is no verifier. */
export async function matchesLegacyVerifier(
  namespaceKey: string,
  namespace: string,
  verifier: Uint8Array | null,
): Promise<boolean> {
  const offered = await legacyKeyVerifier(namespaceKey, namespace);
  return verifier !== null && verifier.length === VERIFIER_BYTES && timingSafeEqual(offered, verifier);
}
