import { EngramError } from "../../crypto/errors.ts";
import { fromHex } from "../../crypto/hex.ts";
import type { Secret } from "../runtime/secret.ts";

/** What the key costs to derive; tests take less. */
export interface Argon2Cost {
  readonly passes: number;
  /** KiB. */
  readonly memory: number;
}

/** btcli's own: about 13 s and 565 MB on a small machine. */
const BTCLI_COST: Argon2Cost = { passes: 8, memory: 512 * 1024 };
const PREFIX = Buffer.from("$NACL", "ascii");
const SALT = fromHex("137183dff15a09bc9c90b5518739e9b1", 16) ?? new Uint8Array();
const NONCE_BYTES = 24;

/** Whether the file is encrypted as btcli does it by default. */
export function isNaclFile(content: Uint8Array): boolean {
  return PREFIX.equals(content.subarray(0, PREFIX.length));
}

/**
 * The text of a file that btcli encrypted: argon2i over the password, then XSalsa20-Poly1305. Throws
 * `KEY_PASSWORD_WRONG`, which says nothing of the file.
 */
export async function openNaclFile(
  content: Uint8Array,
  password: Secret<string>,
  { passes, memory }: Argon2Cost = BTCLI_COST,
): Promise<string> {
  // Both are slow to load, and few files need them.
  const [{ argon2i }, { naclDecrypt }] = await Promise.all([import("hash-wasm"), import("@polkadot/util-crypto/nacl")]);
  const key = await argon2i({
    password: password.reveal(),
    salt: SALT,
    iterations: passes,
    memorySize: memory,
    parallelism: 1,
    hashLength: 32,
    outputType: "binary",
  });
  const sealed = content.subarray(PREFIX.length);
  const opened = naclDecrypt(sealed.subarray(NONCE_BYTES), sealed.subarray(0, NONCE_BYTES), key);
  key.fill(0);
  if (opened !== null) return Buffer.from(opened).toString("utf8");
  throw new EngramError("KEY_PASSWORD_WRONG", "The password does not open this key file.", {
    fix: "Check the password, and that the file is whole.",
  });
}
