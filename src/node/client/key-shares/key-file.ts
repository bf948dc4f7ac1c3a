import { createHash, timingSafeEqual } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { EngramError } from "../../../crypto/errors.ts";
import { fromHex, toHex } from "../../../crypto/hex.ts";
import { type NamespaceSecret, namespaceKeyPair } from "../../../crypto/keys.ts";
import type { Hotkey } from "../../../crypto/ss58.ts";
import { createOnce, readIfThere } from "../../chain/wallet-store.ts";
import type { NamespaceAccess } from "../replication/namespace-access.ts";
import type { RebuiltSecret } from "./rebuild-secret.ts";

const fileSchema = z.looseObject({ secret: z.string() });
const wholeSchema = fileSchema.extend({
  namespace: z.string(),
  owner: z.string(),
  key_epoch: z.int().min(0),
  public_key: z.string(),
});

/**
 * Writes a recovered key to a file that its owner alone reads (mode 0600); what is there already stays. Returns the
 * path. Errors: `KEY_DIFFERS` when another key is there.
 */
export async function saveKeyFile(home: string, owner: Hotkey, rebuilt: RebuiltSecret): Promise<string> {
  const { manifest, secret } = rebuilt;
  const path = pathOf(home, manifest.namespace);
  const { namespace, key_epoch, public_key } = manifest;
  const content = { version: 1, namespace, owner, key_epoch, public_key, secret: toHex(secret.reveal()) };
  await createOnce(path, `${JSON.stringify(content)}\n`);
  // Read back in any case: another process may have been first, or an older file may be there.
  if (sameSecret(parseSecret(await readIfThere(path)), secret.reveal())) return path;
  throw keyDiffers();
}

/** What a saved key opens; undefined when there is none of this owner's, or its secret does not give its public key. */
export async function readKeyFile(home: string, owner: Hotkey, wireName: string): Promise<NamespaceAccess | undefined> {
  const text = await readIfThere(pathOf(home, wireName));
  const secret = parseSecret(text) as NamespaceSecret | undefined;
  if (text === undefined || secret?.length !== 32) return undefined;
  const file = wholeSchema.safeParse(JSON.parse(text)).data;
  if (file?.namespace !== wireName || file.owner !== owner) return undefined;
  const keys = namespaceKeyPair(secret, file.key_epoch);
  if (toHex(keys.publicKey) !== file.public_key) return undefined;
  return { wireName, secret, epoch: file.key_epoch, keys, older: [], vectorSecret: secret };
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

function pathOf(home: string, wireName: string): string {
  return join(home, "namespace-keys", `${fileName(wireName)}.json`);
}

/** Plain names may be any script and long; a file's name may not. */
function fileName(wireName: string): string {
  if (/^[A-Za-z0-9_]{1,100}$/.test(wireName)) return wireName;
  return `h-${createHash("sha256").update(wireName).digest("hex").slice(0, 40)}`;
}
