import { EngramError } from "../../crypto/errors.ts";
import type { ReceivedChallenge } from "./buyer-types.ts";
import { MAX_PAYMENT_VARIABLE } from "./limit-variables.ts";
import { formatMicroDollars } from "./micro-dollars.ts";
import type { PaymentSettings } from "./payment-settings.ts";
import { findToken, type PaymentToken } from "./payment-tokens.ts";
import type { Hex, PaidSubmission } from "./payment-types.ts";
import { parseChallenge, type Requirements } from "./payment-wire.ts";

/** One way to pay that a gateway offers and the settings allow. */
export interface ChosenTerms {
  readonly version: 1 | 2;
  readonly token: PaymentToken;
  readonly payTo: Hex;
  readonly amount: number;
  readonly maxTimeoutSeconds: number;
  /** The gateway's own words for it, sent back unchanged. */
  readonly raw: unknown;
}

/**
 * The ways to pay of a 402 that the settings allow, in the gateway's order, at least one.
 * Errors: `PAYMENT_CHALLENGE_INVALID`, `PAYMENT_NOT_ALLOWED`, `PAYMENT_TOO_DEAR`. None quotes the gateway.
 */
export function allowedTerms(
  challenge: ReceivedChallenge,
  { resource }: Pick<PaidSubmission, "resource">,
  settings: PaymentSettings,
): readonly ChosenTerms[] {
  const { origin } = new URL(resource);
  if (settings.origins?.includes(origin) === false) {
    throw notAllowed("the address that asks for a payment is not one you allow", "ENGRAM_PAYMENT_ORIGINS");
  }
  const parsed = parseChallenge(challenge.headers, challenge.body);
  if (!parsed) {
    throw new EngramError("PAYMENT_CHALLENGE_INVALID", "the gateway asks for a payment and does not say which", {
      fix: "check the gateway's address: it speaks no x402",
    });
  }
  // A gateway that asks in another's name hands on what somebody else asked it for.
  if (parsed.resources.some((named) => isElsewhere(named, origin))) {
    throw notAllowed("the payment is asked for in the name of another address", "XERIS_RELAY_URL");
  }
  const known = parsed.accepts.flatMap((entry, i) => {
    const terms = entry && chosen(entry, parsed.version, parsed.raw[i]);
    return terms && isAllowed(terms, settings) ? [terms] : [];
  });
  if (known.length === 0) {
    throw notAllowed(
      "the gateway takes no payment that your settings allow",
      "ENGRAM_PAYMENT_NETWORKS and ENGRAM_PAYEES",
    );
  }
  const affordable = known.filter(({ amount }) => amount <= settings.maxPayment);
  if (affordable.length > 0) return affordable;
  const cheapest = Math.min(...known.map(({ amount }) => amount));
  throw new EngramError(
    "PAYMENT_TOO_DEAR",
    `the gateway asks for ${formatMicroDollars(cheapest)}, more than ${formatMicroDollars(settings.maxPayment)} a payment`,
    { fix: `raise ${MAX_PAYMENT_VARIABLE} if that is worth it to you` },
  );
}

function notAllowed(message: string, settings: string): EngramError {
  return new EngramError("PAYMENT_NOT_ALLOWED", message, {
    fix: `check ${settings} against what the gateway publishes`,
  });
}

function isElsewhere(named: string, origin: string): boolean {
  return /^https?:/i.test(named) && URL.parse(named)?.origin !== origin;
}

function chosen(entry: Requirements, version: 1 | 2, raw: unknown): ChosenTerms | undefined {
  const token = findToken(entry.network, entry.asset);
  if (!token || entry.network !== (version === 1 ? token.v1Network : token.network)) return undefined;
  const { payTo, amount, maxTimeoutSeconds } = entry;
  return amount > 0 ? { version, token, payTo, amount, maxTimeoutSeconds, raw } : undefined;
}

function isAllowed({ token, payTo }: ChosenTerms, { tokens, payees }: PaymentSettings): boolean {
  return tokens.some((allowed) => allowed.network === token.network) && (payees?.includes(payTo) ?? true);
}
