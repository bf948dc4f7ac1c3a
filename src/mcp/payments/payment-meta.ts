import { createHash } from "node:crypto";
import { z } from "zod";
import { SALT_HEADER } from "../../relay/payment/payment-nonce.ts";
import { encodeHeader, HEADERS } from "../../relay/payment/payment-wire.ts";

/** The keys of x402's MCP transport, and ours beside them. */
export const META = {
  payment: "x402/payment",
  response: "x402/payment-response",
  /** The salt of a payment that is bound to this very call. */
  salt: "engram/payment-salt",
  /** Set by clients that mean the same arguments as a new purchase. */
  request: "engram/request",
} as const;

const meta = z.looseObject({
  [META.payment]: z.union([z.string().max(8_192), z.record(z.string(), z.unknown())]).optional(),
  [META.salt]: z.string().max(128).optional(),
  [META.request]: z.string().max(128).optional(),
});
const payer = z.object({
  payload: z.object({ authorization: z.object({ from: z.string().regex(/^0x[0-9a-fA-F]{40}$/) }) }),
});

/** What a call brings: its payment as the headers that a gate reads, and what names it. */
export interface CallPayment {
  readonly headers: Headers;
  /** As stated; the gate checks the signature. Empty where there is no payment. */
  readonly payer: string;
  readonly request: string;
}

/**
 * Reads a call's `_meta`. Payments come as objects of either version, and from older clients in base64 as on HTTP;
 * undefined when `_meta` holds something else in their place.
 */
export function readCallPayment(value: unknown): CallPayment | undefined {
  const parsed = meta.safeParse(value ?? {});
  if (!parsed.success) return undefined;
  const { [META.payment]: payment, [META.salt]: salt, [META.request]: request = "" } = parsed.data;
  const headers = new Headers();
  if (payment === undefined) return { headers, payer: "", request };
  const object = typeof payment === "string" ? fromBase64(payment) : payment;
  if (object === undefined) return undefined;
  headers.set(HEADERS.payment[object["x402Version"] === 1 ? 1 : 2], encodeHeader(object));
  if (salt !== undefined) headers.set(SALT_HEADER, salt);
  return { headers, payer: payer.safeParse(object).data?.payload.authorization.from.toLowerCase() ?? "", request };
}

function fromBase64(text: string): Record<string, unknown> | undefined {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(Buffer.from(text, "base64").toString("utf8")));
  } catch {
    return undefined;
  }
}

/** What a payment for a call is bound to: tool, arguments, payer, and the client's own name for the request. */
export function callHash(tool: string, args: unknown, { payer: from, request }: Omit<CallPayment, "headers">): string {
  return createHash("sha256")
    .update(JSON.stringify(["engram-mcp/1", tool, sorted(args ?? {}), from.toLowerCase(), request]))
    .digest("hex");
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(entries.map(([key, child]) => [key, sorted(child)]));
}
