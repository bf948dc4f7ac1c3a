import { isSignedByPayer } from "../payment/authorization.ts";
import { paymentNonce, SALT_HEADER } from "../payment/payment-nonce.ts";
import type { Authorization, AuthorizationKey, PaidSubmission } from "../payment/payment-types.ts";
import { HEADERS, type ParsedPayment, parsePayment } from "../payment/payment-wire.ts";
import type { Reason, Refusal } from "./payment-answers.ts";
import { type GatewayTerms, requirementsV2 } from "./payment-terms.ts";
import type { HeaderReader, OfferedPayment, PaymentRow } from "./payment-types.ts";

export type Offer =
  | { readonly kind: "none" }
  | { readonly kind: "refused"; readonly refusal: Refusal }
  | { readonly kind: "mismatched"; readonly key: AuthorizationKey; readonly authorization: Authorization }
  | { readonly kind: "declined"; readonly reason: Reason }
  | { readonly kind: "offered"; readonly payment: OfferedPayment };

/**
 * Reads what a request offers and checks what needs neither store nor network: form, token, the payer's signature and
 * the binding. Price and times are judged later: a payment that was settled already must be recognised after both.
 */
export async function readOffer(
  terms: GatewayTerms,
  submission: PaidSubmission,
  headers: HeaderReader,
): Promise<Offer> {
  const first = headers.get(HEADERS.payment[1]);
  const second = headers.get(HEADERS.payment[2]);
  if (first !== null && second !== null) return { kind: "refused", refusal: "two_payments" };
  const header = second ?? first;
  if (header === null) return { kind: "none" };
  const parsed = parsePayment(second === null ? 1 : 2, header);
  if (!parsed) return { kind: "refused", refusal: "payment_malformed" };
  if (!isInToken(terms, parsed)) return { kind: "declined", reason: "terms" };
  const { signature, authorization } = parsed.payment.payload;
  if (!(await isSignedByPayer(terms.token, authorization, signature))) return { kind: "declined", reason: "signature" };
  const binding = bindingOf(terms, submission, authorization, headers.get(SALT_HEADER));
  const { network, asset } = terms.token;
  const { from, nonce } = authorization;
  if (binding === "mismatched") return { kind: "mismatched", key: { network, asset, from, nonce }, authorization };
  return {
    kind: "offered",
    payment: {
      version: parsed.version,
      payload: parsed.raw,
      authorization,
      key: { network, asset, from, nonce },
      signedHash: submission.signedHash,
      resource: submission.resource,
      bound: binding === "bound",
    },
  };
}

function isInToken({ token, v1 }: GatewayTerms, { version, payment }: ParsedPayment): boolean {
  if (version === 1) return v1 && payment.network === token.v1Network;
  return payment.accepted.network === token.network && payment.accepted.asset === token.asset;
}

/** Stock clients send no salt: who paid is then known, what for is not (design: x402). */
function bindingOf(
  { token, payTo, origin }: GatewayTerms,
  { signedHash }: PaidSubmission,
  { from, nonce }: Authorization,
  salt: string | null,
): "bound" | "unbound" | "mismatched" {
  if (salt === null) return "unbound";
  if (!/^[0-9a-f]{64}$/.test(salt)) return "mismatched";
  const { network, asset } = token;
  const expected = paymentNonce({ network, asset, payTo, payer: from, origin, signedHash, salt });
  return expected === nonce ? "bound" : "mismatched";
}

/** Whether it is exactly what is asked for: exact means exact, more is refused as less is. */
export function meetsTerms(terms: GatewayTerms, { version, payload, authorization }: OfferedPayment): boolean {
  if (authorization.value !== terms.price || authorization.to !== terms.payTo) return false;
  if (version === 1) return true;
  const accepted = payload["accepted"];
  return isSame(requirementsV2(terms), accepted);
}

/** Whether it moves what was taken on: the same nonce can be signed again, for less or for somebody else. */
export function meetsRow({ amount, payTo }: PaymentRow, { authorization }: OfferedPayment): boolean {
  return authorization.value === amount && authorization.to.toLowerCase() === payTo.toLowerCase();
}

/** Every field of `asked` is in `given`, with addresses in any spelling; fields beyond are not ours to judge. */
function isSame(asked: Readonly<Record<string, unknown>>, given: unknown): boolean {
  if (typeof given !== "object" || given === null) return false;
  const found = new Map(Object.entries(given));
  return Object.entries(asked).every(([name, value]) => {
    const other = found.get(name);
    if (typeof value === "object" && value !== null) return isSame(value as Record<string, unknown>, other);
    if (typeof value === "string" && value.startsWith("0x")) {
      return typeof other === "string" && other.toLowerCase() === value.toLowerCase();
    }
    return other === value;
  });
}
