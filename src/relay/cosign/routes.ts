import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { isEngramError } from "../../crypto/errors.ts";
import type { Auth2Gate } from "../../node/protocol/auth2-gate.ts";
import { Refusal } from "../../node/protocol/refusal.ts";
import type { Clock } from "../../node/runtime/clock.ts";
import type { Logger } from "../../node/runtime/logger.ts";
import { CosignDesk } from "./cosign-desk.ts";
import type { CosignAnswer, CosignContext } from "./cosigner.ts";

export const COSIGN_PATH = "/relay/cosign";
/** A ranking of all uids has less. */
const MAX_BODY_BYTES = 1_048_576;

export interface CosignRoutes {
  readonly context: CosignContext;
  /** Only validators may ask; the gate says who does. */
  readonly gate: Auth2Gate;
  readonly log: Logger;
  readonly clock?: Pick<Clock, "now">;
  /** Hears of every answer. */
  readonly onAnswer?: (answer: CosignAnswer) => void;
}

/**
 * `POST /relay/cosign`, body `{"payload": <signed envelope>}`, for a validator's app: `app.route("/", cosignRoutes(…))`.
 * The caller must be a permitted validator (auth2) and ask for its own payload; answers are signed by this validator,
 * refusals too, so that a proposer may count on them.
 */
export function cosignRoutes({ context, gate, log, clock, onAnswer }: CosignRoutes): Hono {
  const app = new Hono();
  const desk = new CosignDesk(context, clock);
  app.post(COSIGN_PATH, bodyLimit({ maxSize: MAX_BODY_BYTES }), async ({ req }) => {
    try {
      const body = new Uint8Array(await req.arrayBuffer());
      const session = gate.authenticate(req.raw, body);
      const answer = await desk.answer(session.sender, body);
      onAnswer?.(answer);
      const text = JSON.stringify(answer.body);
      return json(answer.status, text, session.replyHeaders(answer.status, text));
    } catch (error) {
      if (error instanceof Refusal) return json(error.status, JSON.stringify({ error: error.message }));
      if (isEngramError(error, "PAYLOAD_MALFORMED")) return json(400, JSON.stringify({ error: "malformed" }));
      log.warn({ code: isEngramError(error) ? error.code : "UNKNOWN" }, "a co-signature could not be decided");
      return json(503, JSON.stringify({ error: "unavailable" }));
    }
  });
  return app;
}

function json(status: number, text: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(text, { status, headers: { ...headers, "content-type": "application/json" } });
}
