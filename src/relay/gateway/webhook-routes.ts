import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { z } from "zod";
import { isEngramError } from "../../crypto/errors.ts";
import type { GatewayStore } from "./gateway-store.ts";
import { type Reader, type Readers, requireScope } from "./readers.ts";
import { GatewayRefusal, send } from "./refusal.ts";
import type { WebhookSecrets } from "./webhook-secrets.ts";
import { addWebhook, shownWebhook } from "./webhooks.ts";

export interface WebhookRoutes {
  readonly store: GatewayStore;
  readonly readers: Readers;
  readonly secrets: WebhookSecrets;
  /** Whether this machine may be pushed to. */
  readonly loopback: boolean;
  readonly onAdded: () => void;
}

const MAX_BODY_BYTES = 8_192;

/** How a webhook is asked for. */
export const webhookBody = z.strictObject({
  url: z.string().max(2_048),
  type: z
    .array(z.enum(["ranking", "memory", "inference"]))
    .max(3)
    .default([]),
  min_assurance: z.enum(["quorum", "author", "payer"]).default("quorum"),
  /** Items behind this number, too; without it those that are accepted from now on. */
  since: z.int().min(0).nullable().default(null),
});

/** Readers with a token manage their own webhooks here. */
export function webhookRoutes({ store, readers, secrets, loopback, onAdded }: WebhookRoutes): Hono {
  const app = new Hono();
  const ownerOf = async (request: Request): Promise<string> => {
    const reader: Reader = await readers.of(request.headers.get("authorization"));
    requireScope(reader, "feed");
    if (reader.name !== null) return reader.name;
    throw new GatewayRefusal("unauthorized", "webhooks belong to readers with a token");
  };

  app.post("/v1/webhooks", bodyLimit({ maxSize: MAX_BODY_BYTES }), async ({ req }) => {
    const reader = await ownerOf(req.raw);
    const { data } = webhookBody.safeParse(await req.json().catch(() => null));
    if (!data) throw new GatewayRefusal("malformed", "send url, and if wanted type, min_assurance, since");
    try {
      const { url, type: types, min_assurance: minAssurance, since: after } = data;
      const added = await addWebhook(store, secrets, { reader, url, types, minAssurance, after, loopback });
      onAdded();
      return send({ status: 201, headers: {}, body: added });
    } catch (error) {
      if (!isEngramError(error, "WEBHOOK_URL") && !isEngramError(error, "WEBHOOK_LIMIT")) throw error;
      throw new GatewayRefusal(error.code === "WEBHOOK_LIMIT" ? "too_many_webhooks" : "malformed", error.message);
    }
  });
  app.get("/v1/webhooks", async ({ req }) => {
    const reader = await ownerOf(req.raw);
    const webhooks = (await store.call("webhooks", { reader })).map(shownWebhook);
    return send({ status: 200, headers: {}, body: { webhooks } });
  });
  app.delete("/v1/webhooks/:id", async ({ req }) => {
    const reader = await ownerOf(req.raw);
    if (await store.call("removeWebhook", { id: req.param("id"), reader })) {
      return send({ status: 200, headers: {}, body: { status: "removed" } });
    }
    throw new GatewayRefusal("unknown_webhook", "you have no webhook of this id");
  });
  return app;
}
