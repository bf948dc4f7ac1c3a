import { createHash } from "node:crypto";
import { bls12_381 as bls } from "@noble/curves/bls12-381.js";
import { gcmOpen } from "../../src/crypto/aes-gcm.ts";
import { targetBytes } from "../../src/crypto/timelock.ts";

const sha256 = (...parts: readonly Uint8Array[]) => createHash("sha256").update(Buffer.concat(parts)).digest();
const xor = (one: Uint8Array, other: Uint8Array) => one.map((byte, index) => byte ^ (other[index] ?? 0));

/** Reads bytes with their length in front, one after the other. */
function reader(bytes: Uint8Array) {
  let at = 0;
  const take = (count: number) => {
    at += count;
    return bytes.slice(at - count, at);
  };
  return {
    take,
    sized: () => take(Number(Buffer.from(take(8)).readBigUInt64LE())),
    rest: () => bytes.length - at,
  };
}

/** What quicknet's signature of a round opens, checked as the chain checks it. */
export function timelockOpen(sealed: Uint8Array, signature: string): Uint8Array {
  const outer = reader(sealed);
  const hint = bls.G2.Point.fromBytes(outer.take(96));
  const [maskedSigma, maskedKey, body, suite] = [outer.sized(), outer.sized(), outer.sized(), outer.sized()];
  if (outer.rest() > 0 || Buffer.from(suite).toString() !== "AES_GCM_") throw new Error("not a timelocked commit");
  const sigma = xor(maskedSigma, sha256(targetBytes(bls.pairing(bls.G1.Point.fromHex(signature), hint))));
  const key = xor(maskedKey, sha256(sigma));
  const scalar = BigInt(`0x${sha256(sigma, key).toString("hex")}`) % bls.fields.Fr.ORDER;
  if (!bls.G2.Point.BASE.multiply(scalar).equals(hint)) throw new Error("sealed for another round");
  const inner = reader(body);
  const [ciphertext, nonce] = [inner.sized(), inner.sized()];
  return gcmOpen(key, nonce, ciphertext);
}
