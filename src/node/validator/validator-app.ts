import { Hono } from "hono";
import { isEngramError } from "../../crypto/errors.ts";
import { Refusal } from "../protocol/refusal.ts";
import { traceRequests } from "../runtime/http-traces.ts";
import type { ValidatorServices } from "./validator-context.ts";

interface Deps {
  readonly services: ValidatorServices;
  /** What else the validator serves. */
  readonly routes: readonly (Hono | undefined)[];
}

/** `GET /health`, the given routes, and one way to say no. */
export function createValidatorApp({ services, routes }: Deps): Hono {
  const app = new Hono();
  app.use(traceRequests());
  app.get("/health", async () => {
    const { identity, chain } = services;
    return json(200, JSON.stringify({ status: "ok", hotkey: identity.hotkey, chain: await chain.identity() }));
  });
  for (const route of routes) if (route) app.route("/", route);
  app.onError((error) => {
    if (error instanceof Refusal) return json(error.status, JSON.stringify({ error: error.message }));
    services.logger.warn({ code: isEngramError(error) ? error.code : "UNKNOWN" }, "a request could not be answered");
    return json(503, JSON.stringify({ error: "this validator cannot answer now; try again later" }));
  });
  return app;
}

function json(status: number, text: string): Response {
  return new Response(text, { status, headers: { "content-type": "application/json" } });
}
