import { recoverTypedDataAddress } from "viem";
import { chainIdOf } from "./payment-nonce.ts";
import type { PaymentToken } from "./payment-tokens.ts";
import type { Authorization, Hex } from "./payment-types.ts";

const types = {
  TransferWithAuthorization: [
    { name: "from", type: "address" },
    { name: "to", type: "address" },
    { name: "value", type: "uint256" },
    { name: "validAfter", type: "uint256" },
    { name: "validBefore", type: "uint256" },
    { name: "nonce", type: "bytes32" },
  ],
} as const;

/** Half of secp256k1's order: tokens take only the lower of a signature's two forms. */
const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;

/** What the payer of EIP-3009 signs (EIP-712). */
export function authorizationTypedData(token: PaymentToken, authorization: Authorization) {
  const { from, to, nonce } = authorization;
  return {
    domain: { ...token.domain, chainId: chainIdOf(token.network), verifyingContract: token.asset },
    types,
    primaryType: "TransferWithAuthorization",
    message: {
      from,
      to,
      value: BigInt(authorization.value),
      validAfter: BigInt(authorization.validAfter),
      validBefore: BigInt(authorization.validBefore),
      nonce,
    },
  } as const;
}

/**
 * Whether the payer himself signed, by a plain key. Needs no network; smart-contract wallets, which only a chain can
 * verify, are not taken.
 */
export async function isSignedByPayer(
  token: PaymentToken,
  authorization: Authorization,
  signature: Hex,
): Promise<boolean> {
  const s = BigInt(`0x${signature.slice(66, 130)}`);
  const v = Number.parseInt(signature.slice(130), 16);
  if (s > HALF_ORDER || (v !== 27 && v !== 28)) return false;
  try {
    const signer = await recoverTypedDataAddress({ ...authorizationTypedData(token, authorization), signature });
    return signer.toLowerCase() === authorization.from.toLowerCase();
  } catch {
    return false;
  }
}
