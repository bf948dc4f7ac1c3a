import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { isEngramError } from "../../crypto/errors.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import { Auth2Gate } from "../../node/protocol/auth2-gate.ts";
import { Refusal } from "../../node/protocol/refusal.ts";
import type { Clock } from "../../node/runtime/clock.ts";
import type { Logger } from "../../node/runtime/logger.ts";
import { CosignDesk } from "./cosign-desk.ts";
import type { CosignAnswer, CosignContext } from "./cosigner.ts";
import { ProposeDesk } from "./propose-desk.ts";
import type { VouchContext } from "./vouch.ts";

export const COSIGN_PATH = "/relay/cosign";
export const PROPOSE_PATH = "/relay/propose";
/** A ranking of all uids has less, and so have 32 memories. */
const MAX_BODY_BYTES = 1_048_576;

interface AnsweringRoutes<T> {
  readonly context: T;
  /** The gate says who asks. */
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
export function cosignRoutes({ context, clock, ...rest }: AnsweringRoutes<CosignContext>): Hono {
  return answering(COSIGN_PATH, new CosignDesk(context, clock), rest);
}

/**
 * `POST /relay/propose`, body `{"payload": <signed envelope>}`: an author, any hotkey (auth2), asks for a signature on
 * its own memory output; see `vouch`. Its gate is its own: whoever fills it keeps no validator out, and strangers keep
 * nobody out who is registered.
 */
export function proposeRoutes({ context, ...rest }: Omit<AnsweringRoutes<VouchContext>, "gate">): Hono {
  const desk = new ProposeDesk(context);
  const { signer: identity, sr25519, clock } = context;
  const gate = new Auth2Gate({ identity, sr25519, clock, isPermitted: (hotkey) => desk.wasRegistered(hotkey) });
  return answering(PROPOSE_PATH, desk, { gate, ...rest });
}

interface Desk {
  answer(caller: Hotkey, body: Uint8Array): Promise<CosignAnswer>;
}

function answering(path: string, desk: Desk, { gate, log, onAnswer }: Omit<AnsweringRoutes<unknown>, "context">): Hono {
  const app = new Hono();
  app.post(path, bodyLimit({ maxSize: MAX_BODY_BYTES }), async ({ req }) => {
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
