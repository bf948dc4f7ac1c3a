import type { FacilitatorClient } from "@x402/core/server";

/**
 * Who checks and settles payments: in process on the local chain, over HTTP elsewhere. Its texts are for our logs at
 * most; they quote calldata and never reach a client.
 */
export type PaymentFacilitator = Pick<FacilitatorClient, "verify" | "settle" | "getSupported">;
