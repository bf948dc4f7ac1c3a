import { z } from "zod";
import { EngramError } from "../../crypto/errors.ts";
import type { PaymentHeaders, ReceivedChallenge, SubmissionPayer } from "../../relay/payment/buyer-types.ts";
import { SALT_HEADER } from "../../relay/payment/payment-nonce.ts";
import type { PaidSubmission } from "../../relay/payment/payment-types.ts";
import { decodeHeader, encodeHeader, HEADERS } from "../../relay/payment/payment-wire.ts";
import { callHash, META } from "../payments/payment-meta.ts";

/** What of a tool's result matters here. */
export interface ToolReply {
  readonly isError: boolean;
  readonly content: unknown;
  readonly structuredContent: unknown;
  readonly meta: Readonly<Record<string, unknown>>;
}

/** Calls a tool once, with this `_meta`. */
export type CallOnce = (meta: Readonly<Record<string, unknown>>) => Promise<ToolReply>;

export interface PayingCall {
  readonly tool: string;
  readonly args: unknown;
  /** Names the purchase: the same name buys the same call once, however often it is sent. */
  readonly request: string;
  /** The MCP server's address. */
  readonly url: string;
  /** Absent: what costs money is refused. */
  readonly payer: SubmissionPayer | undefined;
  /** Millionths of a dollar that this call may cost. */
  readonly most: number;
  /** Told when a payment is handed out: from then on its money may move. */
  readonly onPaid?: (amount: number) => void;
}

const PAYMENT_REQUIRED = 402;

const asked = z.looseObject({
  x402Version: z.union([z.literal(1), z.literal(2)]),
  accepts: z.array(z.unknown()).min(1),
});
const amounts = z.looseObject({
  accepts: z.array(z.looseObject({ amount: z.string().optional(), maxAmountRequired: z.string().optional() })),
});
const error = z.looseObject({ code: z.literal(PAYMENT_REQUIRED), data: z.unknown() });
const parts = z.array(z.looseObject({ text: z.string().optional() })).min(1);
const response = z.looseObject({ success: z.literal(true), transaction: z.string() });

/**
 * Calls a tool and pays for it when it asks, in either encoding of x402's MCP transport: a result with `isError`, or
 * JSON-RPC error 402. `paid` is what the server says it took, in millionths of a dollar. Errors: those of
 * `SubmissionPayer.pay`; `TOOL_COSTS_MONEY`, `TOOL_TOO_DEAR`, `TOOL_ASKS_AGAIN`.
 */
export async function callPaying(
  call: CallOnce,
  { tool, args, request, url, payer, most, onPaid }: PayingCall,
): Promise<{ readonly reply: ToolReply; readonly paid: number }> {
  const named = { [META.request]: request };
  const first = await outcomeOf(() => call(named));
  if ("reply" in first) return { reply: first.reply, paid: 0 };
  if (!payer) throw refusal("TOOL_COSTS_MONEY", "the tool costs money, and no budget is set", "set a daily budget");
  const price = cheapest(first.terms);
  if (price > most) throw refusal("TOOL_TOO_DEAR", "the tool costs more than this run may spend", "raise its limit");
  const signedHash = callHash(tool, args, { payer: payer.address, request });
  const purchase: PaidSubmission = { signedHash, resource: url };
  const headers = await payer.pay(challengeOf(first.terms), purchase);
  onPaid?.(price);
  const second = await outcomeOf(() => call({ ...named, ...metaOf(headers) }));
  if (!("reply" in second)) {
    throw refusal("TOOL_ASKS_AGAIN", "the tool asks for money although it was paid", "look at engram payments");
  }
  const settled = response.safeParse(second.reply.meta[META.response]).data;
  if (settled) await payer.settled(purchase, new Headers({ [HEADERS.response[2]]: encodeHeader(settled) }));
  return { reply: second.reply, paid: settled ? price : 0 };
}

type Outcome = { readonly reply: ToolReply } | { readonly terms: Record<string, unknown> };

async function outcomeOf(call: () => Promise<ToolReply>): Promise<Outcome> {
  try {
    const reply = await call();
    const terms = reply.isError ? termsIn(reply) : undefined;
    return terms ? { terms } : { reply };
  } catch (thrown) {
    const terms = asked.safeParse(error.safeParse(thrown).data?.data).data;
    if (terms) return { terms };
    throw thrown;
  }
}

/** In the structured content, else in the first text. */
function termsIn({ structuredContent, content }: ToolReply): Record<string, unknown> | undefined {
  const structured = asked.safeParse(structuredContent);
  if (structured.success) return structured.data;
  const text = parts.safeParse(content).data?.[0]?.text;
  try {
    return asked.safeParse(JSON.parse(text ?? "")).data;
  } catch {
    return undefined;
  }
}

/** As a gateway would have asked over HTTP. */
function challengeOf(terms: Record<string, unknown>): ReceivedChallenge {
  const isSecond = terms["x402Version"] === 2;
  return { headers: new Headers(isSecond ? { [HEADERS.required]: encodeHeader(terms) } : {}), body: terms };
}

function metaOf(headers: PaymentHeaders): Record<string, unknown> {
  const { [SALT_HEADER]: salt, ...payments } = headers;
  const [payment = ""] = Object.values(payments);
  return { [META.payment]: decodeHeader(payment), [META.salt]: salt };
}

function cheapest(terms: Record<string, unknown>): number {
  const found = amounts.safeParse(terms).data?.accepts ?? [];
  return Math.min(...found.map(({ amount, maxAmountRequired }) => Number(amount ?? maxAmountRequired ?? Number.NaN)));
}

function refusal(code: string, message: string, fix: string): EngramError {
  return new EngramError(code, message, { fix });
}
