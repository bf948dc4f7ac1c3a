import type { SettleResponse } from "@x402/core/types";
import type { Hex } from "../payment/payment-types.ts";
import type { Reason } from "./payment-answers.ts";

/** What a facilitator's answer to "settle" amounts to. */
export type SettleAnswer =
  | { readonly kind: "settled"; readonly transaction: Hex }
  /** Refused before anything was sent to the chain. */
  | { readonly kind: "refused"; readonly reason: Reason }
  | { readonly kind: "unknown" };

/** Reasons that facilitators give before they send anything; every other one leaves open what happens. */
const DEFINITE: readonly (readonly [RegExp, Reason])[] = [
  [/insufficient_(balance|funds)/, "insufficient_funds"],
  [/valid_before|expired/, "expired"],
  [/valid_after/, "not_yet_valid"],
  [/signature/, "signature"],
  [/recipient_mismatch|value|network_mismatch|invalid_network|invalid_scheme/, "terms"],
  [/simulation_failed/, "not_settled"],
];

export function definiteReason({ success, transaction, errorReason = "" }: SettleResponse): SettleAnswer {
  if (success) return isTransaction(transaction) ? { kind: "settled", transaction } : { kind: "unknown" };
  if (transaction !== "") return { kind: "unknown" };
  const [, reason] = DEFINITE.find(([pattern]) => pattern.test(errorReason)) ?? [];
  return reason === undefined ? { kind: "unknown" } : { kind: "refused", reason };
}

function isTransaction(text: string): text is Hex {
  return /^0x[0-9a-f]{64}$/i.test(text);
}
