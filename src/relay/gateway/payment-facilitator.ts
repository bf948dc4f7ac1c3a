import type { SettleResponse, SupportedResponse } from "@x402/core/types";
import { EngramError } from "../../crypto/errors.ts";
import type { PaymentToken } from "../payment/payment-tokens.ts";

/**
 * Who settles payments: in process on the local chain, over HTTP elsewhere. Its texts are for our logs at most; they
 * quote calldata and never reach a client. A `settle` that throws leaves open whether the money moved.
 */
export interface PaymentFacilitator {
  /** `payload` is what the client sent, unchanged, and `requirements` are ours in its version. */
  settle(payload: object, requirements: object): Promise<SettleResponse>;
  getSupported(): Promise<Pick<SupportedResponse, "kinds">>;
}

/** Versions of x402, the first of which alone can be missing. */
export interface SupportedVersions {
  readonly v1: boolean;
}

/**
 * What the facilitator settles in `token`. Errors: `FACILITATOR_UNSUITABLE` when that is not even version 2, and those of
 * `getSupported`.
 */
export async function supportedVersions(
  facilitator: PaymentFacilitator,
  token: PaymentToken,
): Promise<SupportedVersions> {
  const { kinds } = await facilitator.getSupported();
  const settles = (version: 1 | 2, network: string) =>
    kinds.some((kind) => kind.x402Version === version && kind.scheme === "exact" && kind.network === network);
  if (settles(2, token.network)) return { v1: settles(1, token.v1Network) };
  throw new EngramError("FACILITATOR_UNSUITABLE", `the facilitator does not settle "exact" on ${token.network}`, {
    fix: "name another one in ENGRAM_FACILITATOR_URL, or let this process settle itself",
  });
}
