import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { EngramError } from "../../crypto/errors.ts";

/** The headers of the Standard Webhooks specification: its libraries verify what this gateway pushes. */
const WEBHOOK_HEADERS = {
  id: "webhook-id",
  timestamp: "webhook-timestamp",
  signature: "webhook-signature",
} as const;

const PREFIX = "whsec_";
const SECRET_BYTES = 32;
/** Older or younger deliveries may be replays. */
const TOLERANCE_SECONDS = 300;

/** A secret nobody guesses: `whsec_` and base64 of 32 bytes. */
export function newWebhookSecret(): string {
  return `${PREFIX}${randomBytes(SECRET_BYTES).toString("base64")}`;
}

export interface WebhookMessage {
  /** The same for every attempt at one item: receivers drop what they have. */
  readonly id: string;
  /** Unix seconds. */
  readonly timestamp: number;
  /** The body's text as it is sent. */
  readonly body: string;
}

/** The headers of a delivery: HMAC-SHA256 of `{id}.{timestamp}.{body}` under the secret's bytes. */
export function signWebhook(secret: string, message: WebhookMessage): Readonly<Record<string, string>> {
  return {
    [WEBHOOK_HEADERS.id]: message.id,
    [WEBHOOK_HEADERS.timestamp]: `${message.timestamp}`,
    [WEBHOOK_HEADERS.signature]: `v1,${macOf(secret, message).toString("base64")}`,
  };
}

export interface ReceivedWebhook {
  readonly secret: string;
  readonly headers: Pick<Headers, "get">;
  /** As it was received, byte for byte: parsed and written again it is another text. */
  readonly body: string;
  /** Unix milliseconds; now when absent. */
  readonly now?: number;
}

/**
 * For receivers: the delivery's `id`, to drop repeats by, and its parsed body. Errors: `WEBHOOK_INVALID` when it is not
 * signed with this secret, or more than five minutes off.
 */
export function verifyWebhook({ secret, headers, body, now = Date.now() }: ReceivedWebhook): {
  readonly id: string;
  readonly payload: unknown;
} {
  const id = headers.get(WEBHOOK_HEADERS.id) ?? "";
  const timestamp = headers.get(WEBHOOK_HEADERS.timestamp) ?? "";
  if (id === "" || !/^[0-9]{1,12}$/.test(timestamp)) throw invalid("its headers are missing");
  if (Math.abs(now / 1_000 - Number(timestamp)) > TOLERANCE_SECONDS) throw invalid("it was signed at another time");
  const expected = macOf(secret, { id, timestamp: Number(timestamp), body });
  // Several, separated by blanks, while a secret is changed.
  const given = (headers.get(WEBHOOK_HEADERS.signature) ?? "").slice(0, 1_024).split(" ");
  const holds = given.some((one) => {
    const mac = Buffer.from(one.startsWith("v1,") ? one.slice(3) : "", "base64");
    return mac.length === expected.length && timingSafeEqual(mac, expected);
  });
  if (!holds) throw invalid("it is not signed with this secret");
  return { id, payload: JSON.parse(body) as unknown };
}

function macOf(secret: string, { id, timestamp, body }: WebhookMessage): Buffer {
  const key = Buffer.from(secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret, "base64");
  return createHmac("sha256", key).update(`${id}.${timestamp}.${body}`, "utf8").digest();
}

function invalid(why: string): EngramError {
  return new EngramError("WEBHOOK_INVALID", `this delivery does not count: ${why}`, {
    fix: "answer 401, and compare the secret and this machine's clock with the gateway's",
  });
}
