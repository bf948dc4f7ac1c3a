import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { z } from "zod";
import { createLogger } from "../../src/node/runtime/logger.ts";
import { readGatewayConfig } from "../../src/relay/gateway/gateway-config.ts";
import { challengeOf } from "../../src/relay/gateway/payment-answers.ts";
import { PaymentGate } from "../../src/relay/gateway/payment-gate.ts";
import type { GatewayTerms } from "../../src/relay/gateway/payment-terms.ts";
import { parseChallenge } from "../../src/relay/payment/payment-wire.ts";
import { checker, deviated } from "./checker.ts";

const ORIGIN = "https://gateway.test";
const HASH = "ab".repeat(32);
const address = z.string().regex(/^(0x[0-9a-fA-F]{40})?$/);

const asking = z.object({
  input: z.object({
    hours: z.number(),
    recipient: address,
    network: z.literal("base"),
    price_per_hour_usd: z.number(),
    resource: z.string(),
  }),
  expected: z.object({ amount_micro: z.string() }),
});
const deciding = z.object({
  input: z.object({
    x_payment: z.string().min(1),
    amount_usd: z.number(),
    recipient: address,
    facilitator_response: z.unknown(),
  }),
});

/** The reference's prices and receipts, brought to our gate; it never answers in the reference's dialect. */
export const relayX402 = checker(async (vector) => {
  const question = asking.safeParse(vector);
  if (question.success) {
    const { input, expected } = question.data;
    const dollars = round(input.hours * input.price_per_hour_usd);
    if (input.recipient === "") return refusesToOpen(dollars);
    return asks(termsFor(dollars, input.recipient), ORIGIN + input.resource, expected.amount_micro);
  }
  const { input } = deciding.parse(vector);
  const dollars = round(input.amount_usd);
  if (input.recipient === "") return refusesToOpen(dollars);
  return await grantsNothing(termsFor(dollars, input.recipient), input.x_payment);
});

function round(dollars: number): string {
  return dollars.toFixed(6);
}

function configFor(dollars: string, recipient: string) {
  return readGatewayConfig(
    {
      ENGRAM_CHAIN: "finney",
      ENGRAM_GATEWAY_NETWORK: "eip155:8453",
      ENGRAM_PAYMENT_MAINNET: "true",
      ENGRAM_GATEWAY_PRICE_USD: dollars,
      ENGRAM_PAYMENT_RPC_URL: "http://127.0.0.1:9",
      ...(recipient === "" ? {} : { ENGRAM_GATEWAY_PAY_TO: recipient }),
    },
    "unused",
  );
}

function termsFor(dollars: string, recipient: string): GatewayTerms {
  const { pricing } = configFor(dollars, recipient);
  if (pricing === null) throw new TypeError("a price is a price");
  const { token, payTo, price } = pricing;
  return { origin: ORIGIN, token, payTo, price, v1: true };
}

/** Who names no payee sells nothing; the reference then takes any header for a payment. */
function refusesToOpen(dollars: string) {
  throws(() => configFor(dollars, ""), { code: "CONFIG_INVALID" });
  return deviated("V-W40: without a recipient everything is granted");
}

/** Both published versions say what the reference says in its own header; the amount is never less than the price. */
function asks(terms: GatewayTerms, resource: string, reference: string) {
  const { headers, body, status } = challengeOf(terms, { resource }, "payment_required");
  equal(status, 402);
  equal(
    Object.keys(headers).some((name) => /^(www-authenticate|x-payment-)/i.test(name)),
    false,
  );
  for (const challenge of [new Headers(headers), new Headers()]) {
    const parsed = parseChallenge(challenge, body);
    const [only, ...more] = parsed?.accepts ?? [];
    deepEqual([more.length, only?.payTo, only?.asset], [0, terms.payTo, terms.token.asset]);
    deepEqual(parsed?.resources, [resource]);
    equal(only?.network, parsed?.version === 1 ? "base" : "eip155:8453");
    equal(only?.amount, terms.price);
  }
  const lost = terms.price - Number(reference);
  ok(lost === 0 || lost === 1);
  return deviated(lost === 0 ? "V-W43: a dialect of its own" : "V-W43: the amount is cut off below the price");
}

/** A receipt that somebody wrote proves nothing, whatever a facilitator would say of it: none is asked. */
async function grantsNothing(terms: GatewayTerms, header: string) {
  const never = () => Promise.reject(new Error("nobody is asked"));
  const table = {
    ...{ findPayment: never, hasOpenPayment: async () => false, claimPayment: never, markPaymentUnknown: never },
    ...{
      releasePayment: never,
      recordSettlement: never,
      unsettledPayments: never,
      noteMismatch: async () => undefined,
    },
  };
  const gate = new PaymentGate({
    terms,
    table,
    facilitator: { settle: never, getSupported: never },
    chain: { authorization: never, outcome: never },
    log: createLogger({ level: "silent" }),
  });
  const submission = { signedHash: HASH, resource: `${ORIGIN}/relay` };
  equal((await gate.require(submission, new Headers())).kind, "challenge");
  const answer = await gate.require(submission, new Headers({ "x-payment": header }));
  deepEqual([answer.kind, "body" in answer && answer.body["reason"]], ["refused", "payment_malformed"]);
  return deviated("V-W39, V-W43: a receipt bound to nothing is taken for a payment, again and again");
}
