import { privateKeyToAccount } from "viem/accounts";
import { authorizationTypedData } from "./authorization.ts";
import type { ChosenTerms } from "./choose-terms.ts";
import type { PaymentKey } from "./payment-key.ts";
import type { Hex, PaidSubmission } from "./payment-types.ts";
import { encodeHeader, HEADERS } from "./payment-wire.ts";

export interface SignRequest {
  readonly terms: ChosenTerms;
  readonly submission: PaidSubmission;
  readonly nonce: Hex;
  /** Unix seconds. */
  readonly validBefore: number;
}

/** Signs a payment and writes it as its header: name and value, ready to be stored and sent. */
export async function signPayment(
  key: PaymentKey,
  { terms, submission, nonce, validBefore }: SignRequest,
): Promise<{ readonly header: string; readonly payment: string }> {
  const { token, payTo, amount, version, raw } = terms;
  const authorization = { from: key.address, to: payTo, value: amount, validAfter: 0, validBefore, nonce };
  const account = privateKeyToAccount(key.secret.reveal());
  const signature = await account.signTypedData(authorizationTypedData(token, authorization));
  const payload = {
    signature,
    authorization: { ...authorization, value: `${amount}`, validAfter: "0", validBefore: `${validBefore}` },
  };
  const message =
    version === 1
      ? { x402Version: 1, scheme: "exact", network: token.v1Network, payload }
      : { x402Version: 2, resource: { url: submission.resource }, accepted: raw, payload };
  return { header: HEADERS.payment[version], payment: encodeHeader(message) };
}
