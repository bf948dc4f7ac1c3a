import { createHash } from "node:crypto";
import { EngramError } from "../../crypto/errors.ts";
import { fromHex } from "../../crypto/hex.ts";
import type { Hex, PaymentNetwork } from "./payment-types.ts";

/** Carries the salt of a bound payment beside the payment itself, 64 lowercase hex digits. */
export const SALT_HEADER = "x-engram-payment-salt";

const TAG = "engram-x402/1";
const MAX_ORIGIN_BYTES = 0xff_ff;

/** Everything that makes a payment one for this submission and nothing else. */
export interface NonceParts {
  readonly network: PaymentNetwork;
  readonly asset: Hex;
  readonly payTo: Hex;
  readonly payer: Hex;
  /** The gateway's origin as `new URL(url).origin` writes it. */
  readonly origin: string;
  /** 64 hex digits. */
  readonly signedHash: string;
  /** 64 hex digits. */
  readonly salt: string;
}

/**
 * The EIP-3009 nonce that binds a payment to its submission:
 *
 *     SHA-256( "engram-x402/1"                      13 bytes of ASCII
 *            ‖ chain id                              8 bytes, big-endian
 *            ‖ asset ‖ payTo ‖ payer                20 bytes each
 *            ‖ length of origin                      2 bytes, big-endian
 *            ‖ origin                                UTF-8
 *            ‖ signed_hash ‖ salt                   32 bytes each )
 *
 * No two submissions share one, and the chain spends it once, whatever client and gateway forget. The salt keeps the
 * public nonce from telling what was submitted. Errors: `PAYMENT_MALFORMED`.
 */
export function paymentNonce(parts: NonceParts): Hex {
  const chainId = Buffer.alloc(8);
  chainId.writeBigUInt64BE(BigInt(chainIdOf(parts.network)));
  const origin = Buffer.from(parts.origin, "utf8");
  if (origin.length > MAX_ORIGIN_BYTES) throw malformed("origin");
  const originLength = Buffer.alloc(2);
  originLength.writeUInt16BE(origin.length);
  const digest = createHash("sha256")
    .update(TAG, "ascii")
    .update(chainId)
    .update(bytes(parts.asset, 20, "asset"))
    .update(bytes(parts.payTo, 20, "payTo"))
    .update(bytes(parts.payer, 20, "payer"))
    .update(originLength)
    .update(origin)
    .update(bytes(parts.signedHash, 32, "signed hash"))
    .update(bytes(parts.salt, 32, "salt"))
    .digest("hex");
  return `0x${digest}`;
}

/** 84532 of `eip155:84532`. */
export function chainIdOf(network: PaymentNetwork): number {
  return Number(network.slice("eip155:".length));
}

function bytes(hex: string, length: number, what: string): Uint8Array {
  const found = fromHex(hex, length);
  if (found === undefined) throw malformed(what);
  return found;
}

function malformed(what: string): EngramError {
  return new EngramError("PAYMENT_MALFORMED", `the payment's ${what} is malformed`, {
    fix: "send it as the payment instructions say",
  });
}
