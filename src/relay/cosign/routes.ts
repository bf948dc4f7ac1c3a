import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { EngramError, isEngramError } from "../../crypto/errors.ts";
import { isSubnetObject, type SubnetObject } from "../../crypto/subnet-json.ts";
import { readSubnetJson } from "../../crypto/subnet-json-reader.ts";
import type { Auth2Gate } from "../../node/protocol/auth2-gate.ts";
import { Refusal } from "../../node/protocol/refusal.ts";
import type { Logger } from "../../node/runtime/logger.ts";
import { type CosignContext, cosign } from "./cosigner.ts";

export const COSIGN_PATH = "/relay/cosign";
/** A ranking of all uids has less. */
const MAX_BODY_BYTES = 1_048_576;

export interface CosignRoutes {
  readonly context: CosignContext;
  /** Only validators may ask; the gate says who does. */
  readonly gate: Auth2Gate;
  readonly log: Logger;
}

/**
 * `POST /relay/cosign`, body `{"payload": <signed envelope>}`, for a validator's app: `app.route("/", cosignRoutes(…))`.
 * The caller must be a permitted validator (auth2); replies are signed by this one.
 */
export function cosignRoutes({ context, gate, log }: CosignRoutes): Hono {
  const app = new Hono();
  app.post(COSIGN_PATH, bodyLimit({ maxSize: MAX_BODY_BYTES }), async ({ req }) => {
    try {
      const body = new Uint8Array(await req.arrayBuffer());
      const session = gate.authenticate(req.raw, body);
      const { neurons } = await context.chain.metagraph();
      if (!neurons.some(({ hotkey, validatorPermit }) => hotkey === session.sender && validatorPermit)) {
        throw new Refusal(403, "only validators with a permit may ask for a co-signature");
      }
      const answer = await cosign(context, payloadIn(body));
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

function payloadIn(body: Uint8Array): SubnetObject {
  let payload: unknown;
  try {
    const document = readSubnetJson(body);
    payload = isSubnetObject(document) ? document.get("payload") : undefined;
    if (isSubnetObject(payload as SubnetObject)) return payload as SubnetObject;
  } catch (cause) {
    throw new EngramError("PAYLOAD_MALFORMED", "the body is not JSON", { cause });
  }
  throw new EngramError("PAYLOAD_MALFORMED", "the body holds no payload");
}

function json(status: number, text: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(text, { status, headers: { ...headers, "content-type": "application/json" } });
}
