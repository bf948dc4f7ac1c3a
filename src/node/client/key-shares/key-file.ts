import { createHash, timingSafeEqual } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { EngramError } from "../../../crypto/errors.ts";
import { fromHex, toHex } from "../../../crypto/hex.ts";
import type { Hotkey } from "../../../crypto/ss58.ts";
import { createOnce, readIfThere } from "../../chain/wallet-store.ts";
import type { RebuiltSecret } from "./rebuild-secret.ts";

const fileSchema = z.looseObject({ secret: z.string() });

/**
 * Writes a recovered key to a file that its owner alone reads (mode 0600); what is there already stays. Returns the
 * path. Errors: `KEY_DIFFERS` when another key is there.
 */
export async function saveKeyFile(home: string, owner: Hotkey, rebuilt: RebuiltSecret): Promise<string> {
  const { manifest, secret } = rebuilt;
  const path = join(home, "namespace-keys", `${fileName(manifest.namespace)}.json`);
  const { namespace, key_epoch, public_key } = manifest;
  const content = { version: 1, namespace, owner, key_epoch, public_key, secret: toHex(secret.reveal()) };
  await createOnce(path, `${JSON.stringify(content)}\n`);
  // Read back in any case: another process may have been first, or an older file may be there.
  if (sameSecret(parseSecret(await readIfThere(path)), secret.reveal())) return path;
  throw keyDiffers();
}

/** The error of a recovery whose key is not the one that is here. */
export function keyDiffers(): EngramError {
  return new EngramError("KEY_DIFFERS", "there is another key for this namespace here; nothing was overwritten", {
    fix: "compare fingerprints; to take the recovered key, recover it with another --home",
  });
}

export function sameSecret(left: Uint8Array | undefined, right: Uint8Array): boolean {
  return left !== undefined && left.length === right.length && timingSafeEqual(left, right);
}

function parseSecret(text: string | undefined): Uint8Array | undefined {
  try {
    return fromHex(fileSchema.parse(JSON.parse(text ?? "")).secret);
  } catch {
    return undefined;
  }
}

/** Plain names may be any script and long; a file's name may not. */
function fileName(wireName: string): string {
  if (/^[A-Za-z0-9_]{1,100}$/.test(wireName)) return wireName;
  return `h-${createHash("sha256").update(wireName).digest("hex").slice(0, 40)}`;
}
