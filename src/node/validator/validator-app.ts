import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { isEngramError } from "../../crypto/errors.ts";
import type { Auth2Gate } from "../protocol/auth2-gate.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { ValidatorServices } from "./validator-context.ts";
import type { VectorExchange } from "./vector-exchange.ts";
import { readVectorMessage, VECTOR_PATH } from "./vector-message.ts";

/** All uids' scores have less. */
const MAX_BODY_BYTES = 262_144;

interface Deps {
  readonly services: ValidatorServices;
  readonly gate: Auth2Gate;
  readonly exchange: VectorExchange;
  /** Routes of others, served beside the validator's own. */
  readonly routes: Hono | undefined;
}

/** `POST /consensus/vector` (auth2) and `GET /health`. */
export function createValidatorApp({ services, gate, exchange, routes }: Deps): Hono {
  const app = new Hono();
  app.post(VECTOR_PATH, bodyLimit({ maxSize: MAX_BODY_BYTES }), async ({ req }) => {
    const body = new Uint8Array(await req.arrayBuffer());
    const session = gate.authenticate(req.raw, body);
    const message = readVectorMessage(Buffer.from(body).toString("utf8"));
    await exchange.accept(message, session.sender);
    const text = await exchange.answer(message.vector.block);
    return json(200, text, session.replyHeaders(200, text));
  });
  app.get("/health", async () => {
    const { identity, chain } = services;
    return json(200, JSON.stringify({ status: "ok", hotkey: identity.hotkey, chain: await chain.identity() }));
  });
  if (routes) app.route("/", routes);
  app.onError((error) => {
    if (error instanceof Refusal) return json(error.status, JSON.stringify({ error: error.message }));
    services.logger.warn({ code: isEngramError(error) ? error.code : "UNKNOWN" }, "a request could not be answered");
    return json(503, JSON.stringify({ error: "this validator cannot answer now; try again later" }));
  });
  return app;
}

function json(status: number, text: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(text, { status, headers: { ...headers, "content-type": "application/json" } });
}
