import type { z } from "zod";
import { EngramError, isEngramError } from "../../crypto/errors.ts";
import type { HttpReply } from "../../node/runtime/http-client.ts";
import { retryAfter } from "../submit.ts";

const RETRIED = new Set([408, 425, 429]);

/** Throws `GATEWAY_UNAVAILABLE` for what passes by itself, `GATEWAY_REFUSED` for what does not. */
export function requireSuccess({ status, headers }: Pick<HttpReply, "status" | "headers">): void {
  if (status === 200) return;
  if (status >= 500 || RETRIED.has(status)) {
    throw new EngramError("GATEWAY_UNAVAILABLE", "the gateway cannot answer now", {
      fix: "ask again later",
      retryAfterMs: retryAfter(headers),
    });
  }
  throw new EngramError("GATEWAY_REFUSED", `the gateway answered with status ${status}`, {
    fix: "check XERIS_RELAY_URL: the gateway must answer itself, redirects are not followed",
  });
}

/** The JSON of a 200. Throws as `requireSuccess`, and `GATEWAY_REPLY_INVALID`. */
export function replied(reply: HttpReply): unknown {
  requireSuccess(reply);
  try {
    return JSON.parse(reply.text) as unknown;
  } catch {
    throw illegible();
  }
}

/** A reply of that form. Throws `GATEWAY_REPLY_INVALID`. */
export function readReply<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw illegible();
}

/** Trouble with the gateway, as against trouble with one of the chains. */
export function isGatewayTrouble(error: unknown): boolean {
  return isEngramError(error) && /^(HTTP|GATEWAY)_/.test(error.code);
}

/** An answer that is none of a gateway's. */
export function illegible(): EngramError {
  return new EngramError("GATEWAY_REPLY_INVALID", "the answer is not that of a gateway", {
    fix: "check XERIS_RELAY_URL",
  });
}
