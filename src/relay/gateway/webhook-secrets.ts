import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { gcmOpen, gcmSeal, IV_BYTES } from "../../crypto/aes-gcm.ts";
import { EngramError } from "../../crypto/errors.ts";
import { fromHex, toHex } from "../../crypto/hex.ts";
import { createOnce, readIfThere } from "../../node/chain/wallet-store.ts";
import { Secret } from "../../node/runtime/secret.ts";

const KEY_BYTES = 32;

/** Seals webhooks' secrets, so that a copy of the gateway's store shows none. */
export interface WebhookSecrets {
  /** `id` is sealed in, so that no webhook can be given another's. */
  seal(id: string, secret: string): string;
  /** Errors: `WEBHOOK_SECRET_LOST`. */
  open(id: string, sealed: string): Secret<string>;
}

/**
 * Opens the key file of a gateway's folder, or makes one: 64 hex digits, readable by its owner only. Errors:
 * `WALLET_UNREADABLE`, `WEBHOOK_SECRET_LOST`.
 */
export async function openWebhookSecrets(folder: string): Promise<WebhookSecrets> {
  const path = join(folder, "webhook-key");
  await createOnce(path, `${toHex(randomBytes(KEY_BYTES))}\n`);
  const bytes = fromHex(((await readIfThere(path)) ?? "").trim(), KEY_BYTES);
  if (!bytes) throw lost();
  const key = new Secret(bytes);
  return {
    seal: (id, secret) => {
      const iv = randomBytes(IV_BYTES);
      return toHex(Buffer.concat([iv, gcmSeal(key.reveal(), iv, Buffer.from(`${id}:${secret}`, "utf8"))]));
    },
    open: (id, sealed) => {
      const text = opened(key.reveal(), sealed);
      if (!text.startsWith(`${id}:`)) throw lost();
      return new Secret(text.slice(id.length + 1));
    },
  };
}

function opened(key: Uint8Array, sealed: string): string {
  const all = Buffer.from(sealed, "hex");
  try {
    return Buffer.from(gcmOpen(key, all.subarray(0, IV_BYTES), all.subarray(IV_BYTES))).toString("utf8");
  } catch (cause) {
    throw lost(cause);
  }
}

function lost(cause?: unknown): EngramError {
  return new EngramError(
    "WEBHOOK_SECRET_LOST",
    "the secret of a webhook cannot be read with this folder's webhook-key",
    {
      fix: "bring the file back from a backup, or remove the webhook and add it again",
      cause,
    },
  );
}
