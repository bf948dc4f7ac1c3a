import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { EngramError } from "../../crypto/errors.ts";
import { fromHex, toHex } from "../../crypto/hex.ts";
import { createOnce, readIfThere } from "../../node/chain/wallet-store.ts";
import { Secret } from "../../node/runtime/secret.ts";
import type { Hex } from "./payment-types.ts";

/** A secp256k1 key that pays, or that buys the gas for settling. */
export interface PaymentKey {
  readonly address: Hex;
  readonly secret: Secret<Hex>;
}

/**
 * Opens the key file at `path`, or makes one: 0x and 64 hex digits, readable by its owner only. Keep no more money on
 * it than may be lost. Errors: `PAYMENT_KEY_INVALID`, `WALLET_UNREADABLE`; no error quotes the file.
 */
export async function openPaymentKey(path: string): Promise<PaymentKey> {
  const found = await readIfThere(path);
  if (found !== undefined) return keyOf(found);
  await createOnce(path, `${generatePrivateKey()}\n`);
  // Read back in any case: another process may have been first.
  return keyOf((await readIfThere(path)) ?? "");
}

function keyOf(content: string): PaymentKey {
  const bytes = fromHex(content.trim(), 32);
  try {
    if (bytes) {
      const secret: Hex = `0x${toHex(bytes)}`;
      return { address: privateKeyToAccount(secret).address, secret: new Secret(secret) };
    }
  } catch {
    // Zero, or above the curve's order: viem's own error would quote it.
  }
  throw new EngramError("PAYMENT_KEY_INVALID", "the payment key file holds no secp256k1 key", {
    fix: "restore it from a backup; to begin with a new key and no money, move the file away",
  });
}
