import { EngramError } from "../../crypto/errors.ts";
import { Refusal } from "../protocol/refusal.ts";
import { objectText, valueText } from "../protocol/reply-text.ts";
import type { Logger } from "../runtime/logger.ts";
import { textResponse } from "../runtime/text-response.ts";

/** A reply before it goes out: JSON text and what stands around it. */
export interface Reply {
  readonly status: number;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The sentence of a refusal, also where the status is 200: for the metrics. */
  readonly error?: string;
}

/** How a route answers a `Refusal` of status 200. */
export type RefusedText = (sentence: string) => string;

const errorText: RefusedText = (error) => objectText({ error: valueText(error) });

export function jsonResponse({ status, text, headers }: Reply): Response {
  // As the reference writes it (spec 7).
  return textResponse(text, status, { "content-type": "application/json; charset=utf-8", ...headers });
}

/** The reply to a request that failed; `refusedText` is the route's own shape of a 200 with `error`. */
export function replyToError(error: unknown, logger: Logger, refusedText: RefusedText = errorText): Reply {
  if (error instanceof Refusal) return replyToRefusal(error, refusedText);
  const { code, status, sentence, retryAfterSeconds } = failureOf(error);
  if (status === 400) return { status, text: errorText(sentence), error: sentence };
  logger.error({ code }, "a request failed");
  const headers = retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) };
  return { status, text: errorText(sentence), headers, error: sentence };
}

function replyToRefusal({ status, message, extra }: Refusal, refusedText: RefusedText): Reply {
  if (status === 200) return { status, text: refusedText(message), error: message };
  const hint = extra.hint === undefined ? {} : { hint: valueText(extra.hint) };
  const { retryAfterSeconds } = extra;
  const headers = retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) };
  return { status, text: objectText({ error: valueText(message), ...hint }), headers, error: message };
}

interface Failure {
  readonly code: string;
  readonly status: number;
  readonly sentence: string;
  readonly retryAfterSeconds?: number;
}

/** Codes of errors that are the request's fault. */
const REQUEST_FAULTS: ReadonlySet<string> = new Set([
  "JSON_INVALID",
  "FILTER_INVALID",
  "CURSOR_INVALID",
  "VECTOR_INVALID",
  "VECTOR_DIMENSION",
]);

function failureOf(error: unknown): Failure {
  const code = error instanceof EngramError ? error.code : "UNEXPECTED";
  if (error instanceof EngramError && REQUEST_FAULTS.has(code)) {
    return { code, status: 400, sentence: withFix(error) };
  }
  // Nothing was acknowledged: the sender keeps what it has and tries again.
  if (code === "STORE_FULL") return { code, status: 507, sentence: "this miner's disk is full; ask another miner" };
  if (error instanceof EngramError) {
    return { code, status: 503, sentence: "this miner cannot answer now; try again", retryAfterSeconds: 5 };
  }
  return { code, status: 500, sentence: "internal error" };
}

function withFix({ message, fix }: EngramError): string {
  return fix === undefined ? message : `${message.replace(/\.$/, "")}: ${fix}`;
}
