import { fromHex } from "../../crypto/hex.ts";
import { verifyHotkeySignature } from "../../crypto/request-auth.ts";
import { SIGNATURE_BYTES, type Sr25519 } from "../../crypto/sr25519.ts";
import { decodeHotkey } from "../../crypto/ss58.ts";

/** One signature to check. */
export interface SignatureCheck {
  readonly hotkey: string;
  readonly message: Uint8Array;
  /** Hex. */
  readonly signature: string;
  /** Over the bytes alone: relayed payloads know no `<Bytes>` wrapper (spec 11.3). Default: either (spec 5.1). */
  readonly unwrapped?: boolean;
}

/** Malformed input of any kind is `false`. */
export function checkSignature(sr25519: Sr25519, { hotkey, message, signature, unwrapped }: SignatureCheck): boolean {
  if (unwrapped !== true) return verifyHotkeySignature(sr25519, hotkey, message, signature);
  const [key, bytes] = [decodeHotkey(hotkey), fromHex(signature, SIGNATURE_BYTES)];
  return key !== undefined && bytes !== undefined && sr25519.verify(bytes, message, key);
}
