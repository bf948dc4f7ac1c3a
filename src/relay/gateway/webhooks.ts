import { randomBytes } from "node:crypto";
import { EngramError } from "../../crypto/errors.ts";
import type { OutputType } from "../payload/types.ts";
import type { GatewayStore } from "./gateway-store.ts";
import { assurancesFrom } from "./submission.ts";
import type { Webhook } from "./webhook-operations.ts";
import type { WebhookSecrets } from "./webhook-secrets.ts";
import { newWebhookSecret } from "./webhook-signature.ts";
import { checkWebhookUrl } from "./webhook-url.ts";

export interface WebhookRequest {
  readonly reader: string;
  readonly url: string;
  /** All when empty. */
  readonly types: readonly OutputType[];
  readonly minAssurance: "quorum" | "author" | "payer";
  /** Items behind this number; null: those that are accepted from now on. */
  readonly after: number | null;
  /** Whether this machine may be pushed to. */
  readonly loopback: boolean;
}

const LIMITS = { perReader: 8, total: 256 };

/**
 * Registers a webhook of a reader. The secret is shown here and never again. Errors: `WEBHOOK_URL`, `WEBHOOK_READER`,
 * `WEBHOOK_LIMIT`.
 */
export async function addWebhook(
  store: GatewayStore,
  secrets: WebhookSecrets,
  request: WebhookRequest,
): Promise<{ readonly id: string; readonly secret: string }> {
  const { reader, types, minAssurance, after, loopback } = request;
  const url = checkWebhookUrl(request.url, loopback);
  const [id, secret] = [`wh_${randomBytes(12).toString("hex")}`, newWebhookSecret()];
  const added = await store.call("addWebhook", {
    ...{ id, reader, url, types, after, assurances: assurancesFrom(minAssurance), limits: LIMITS, now: Date.now() },
    sealed: secrets.seal(id, secret),
  });
  if (added === "added") return { id, secret };
  if (added === "no_reader") {
    throw new EngramError("WEBHOOK_READER", "no reader has this name", { fix: "make one: engram gateway token add" });
  }
  throw new EngramError(
    "WEBHOOK_LIMIT",
    `a reader has ${LIMITS.perReader} webhooks at most, all together ${LIMITS.total}`,
    {
      fix: "remove one first",
    },
  );
}

/** A webhook as its reader and the operator see it, without its secret. */
export function shownWebhook(webhook: Webhook) {
  const { id, reader, url, types, assurances, state, cursor, delivered, attempts, lastError } = webhook;
  const iso = (at: number | null) => (at === null || at === 0 ? null : new Date(at).toISOString());
  return {
    ...{ id, reader, url, types, assurances, state, cursor, delivered, attempts },
    last_error: lastError,
    failing_since: iso(webhook.failingSince),
    next_attempt: webhook.attempts > 0 && state === "active" ? iso(webhook.nextAt) : null,
  };
}
