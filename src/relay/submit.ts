import { z } from "zod";
import { isEngramError } from "../crypto/errors.ts";
import type { Hotkey } from "../crypto/ss58.ts";
import type { PaymentHeaders, SubmissionPayer } from "./payment/buyer-types.ts";
import type { PaidSubmission } from "./payment/payment-types.ts";
import type { Receipt } from "./receipt.ts";
import type { ReceiptTrust } from "./receipt-trust.ts";
import type { SubmissionReply, SubmissionTransport } from "./transport/submission-transport.ts";

/** Where submissions go, and the hotkey whose receipts count. */
export interface GatewayAddress {
  /** Without a trailing slash. */
  readonly url: string;
  readonly hotkey: Hotkey;
}

export interface Submitter {
  readonly transport: SubmissionTransport;
  /** Whose receipts count. */
  readonly trust: ReceiptTrust;
  readonly gateway: GatewayAddress;
  /** Absent, or over a transport without payments: whatever costs money is refused. */
  readonly payer?: SubmissionPayer;
  /** Unix milliseconds, for the receiver's clock to be compared with. */
  readonly now?: () => number;
}

export interface SubmitRequest {
  readonly signedHash: string;
  /** The wire text, co-signatures included. */
  readonly text: string;
  readonly acceptNewTerms: boolean;
  /** As of which its anchor is to be read. */
  readonly anchorBlock?: number | undefined;
  readonly signal: AbortSignal;
}

/**
 * What an attempt came to. `skewMs`: how far the receiver's clock is ahead, by when it says it received this and the
 * middle of the call (spec 14.10); null when it does not say. `code` is a word of ours or of spec 14.0, never text from the
 * network.
 */
export type SubmitOutcome =
  | { readonly kind: "delivered"; readonly receipt: Receipt; readonly http: number; readonly skewMs: number | null }
  /** The receiver has it and waits for signatures or the chain. */
  | {
      readonly kind: "pending";
      readonly code: string;
      readonly http: number;
      readonly retryAfterMs: number;
      readonly skewMs: number | null;
    }
  /** Refused for good: sending the same again changes nothing. */
  | { readonly kind: "rejected"; readonly code: string; readonly http: number | null }
  | { readonly kind: "retry"; readonly code: string; readonly http: number | null; readonly retryAfterMs: number }
  /** Not the receiver's fault, so it is no failed attempt: the budget is spent, or the paying chain is away. */
  | { readonly kind: "postponed"; readonly code: string; readonly http: number | null; readonly retryAfterMs: number };

const MAX_RETRY_AFTER_MS = 300_000;
const POSTPONED_MS = 60_000;
const RETRIED = new Set([408, 425, 429]);
/** Errors of the payer that pass by themselves. */
const PASSING = new Set(["PAYMENT_BUDGET", "PAYMENT_CHAIN_UNREACHABLE", "STORE_BUSY"]);
/** Errors of the payer that stand until a person acts. */
const FINAL = new Set(["PAYMENT_CHANGED", "PAYMENT_NOT_ALLOWED", "PAYMENT_TOO_DEAR", "PAYMENT_CHALLENGE_INVALID"]);

const word = z.string().regex(/^[a-z_]{1,40}$/);
const maybeWord = word.optional().catch(undefined);
const answer = z.looseObject({
  status: maybeWord,
  error: maybeWord,
  receipt: z.unknown().optional(),
  received_at_ms: z.int().min(0).optional().catch(undefined),
});

/**
 * Sends a submission once, and once more when it is asked to pay (spec 14.0). Only a receipt that the pinned gateway, or
 * a key it vouches for, signed for this submission counts as delivered: no redirect, no 200 of somebody else does (V-W34).
 *
 * Errors: the signal's reason alone.
 */
export async function submit(submitter: Submitter, request: SubmitRequest): Promise<SubmitOutcome> {
  const { gateway, transport } = submitter;
  const payer = transport.carriesPayments ? submitter.payer : undefined;
  const { signedHash, acceptNewTerms, signal } = request;
  const paid: PaidSubmission = { signedHash, resource: `${gateway.url}/relay` };
  const send = (payment: PaymentHeaders) => transport.send({ ...request, payment }, signal);
  try {
    const first = await send((await payer?.stored(paid)) ?? {});
    if (first.status !== 402) return await judge(submitter, paid, first, signal);
    if (!transport.carriesPayments) return { kind: "rejected", code: "payment_not_over_grpc", http: 402 };
    if (!payer) return { kind: "rejected", code: "payment_not_configured", http: 402 };
    const options = acceptNewTerms ? { acceptNewTerms: true } : {};
    const payment = await payer.pay({ headers: first.headers, body: parsed(first.text) }, paid, options);
    signal.throwIfAborted();
    return await judge(submitter, paid, await send(payment), signal);
  } catch (error) {
    signal.throwIfAborted();
    return failed(error);
  }
}

async function judge(
  submitter: Submitter,
  paid: PaidSubmission,
  reply: SubmissionReply,
  signal: AbortSignal,
): Promise<SubmitOutcome> {
  const { status: http, headers } = reply;
  const body = answer.safeParse(parsed(reply.text)).data;
  const code = body?.error ?? body?.status ?? `http_${http}`;
  const retryAfterMs = retryAfter(headers);
  if (http === 200 || http === 201) {
    const receipt = await submitter.trust.verify(body?.receipt, paid.signedHash, signal);
    if (!receipt) return { kind: "retry", code: "receipt_invalid", http, retryAfterMs };
    if (receipt.payment) await submitter.payer?.settled(paid, headers);
    // Accepted just now: without a word of its own the receipt's time is when it came.
    const receivedAt = body?.received_at_ms ?? (http === 201 ? receipt.accepted_at_ms : undefined);
    return { kind: "delivered", receipt, http, skewMs: skewOf(submitter, reply, receivedAt) };
  }
  if (http === 202) {
    return { kind: "pending", code, http, retryAfterMs, skewMs: skewOf(submitter, reply, body?.received_at_ms) };
  }
  // Asked again although it was paid: the payment may be on its way.
  if (http === 402 || RETRIED.has(http) || http >= 500) return { kind: "retry", code, http, retryAfterMs };
  return { kind: "rejected", code: http >= 300 && http < 400 ? "redirected" : code, http };
}

function skewOf(
  { now = Date.now }: Submitter,
  { elapsedMs }: SubmissionReply,
  receivedAt: number | undefined,
): number | null {
  return receivedAt === undefined ? null : Math.round(receivedAt - (now() - elapsedMs / 2));
}

function failed(error: unknown): SubmitOutcome {
  const code = isEngramError(error) ? error.code : "UNKNOWN";
  const retryAfterMs = isEngramError(error) ? (error.retryAfterMs ?? 0) : 0;
  if (FINAL.has(code)) return { kind: "rejected", code, http: 402 };
  if (PASSING.has(code)) {
    return { kind: "postponed", code, http: null, retryAfterMs: Math.max(retryAfterMs, POSTPONED_MS) };
  }
  return { kind: "retry", code, http: null, retryAfterMs };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

/** `Retry-After` in seconds, at most 300 (spec 14.0). */
export function retryAfter(headers: Headers): number {
  const seconds = headers.get("retry-after") ?? "";
  return /^[0-9]{1,6}$/.test(seconds) ? Math.min(Number(seconds) * 1_000, MAX_RETRY_AFTER_MS) : 0;
}
