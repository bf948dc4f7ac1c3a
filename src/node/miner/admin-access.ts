import { createHash, timingSafeEqual } from "node:crypto";
import type { SubnetObject } from "../../crypto/subnet-json.ts";
import { isTruthy } from "../protocol/fields.ts";
import { Refusal } from "../protocol/refusal.ts";
import { isFromProgram } from "../runtime/operator-listener.ts";
import type { Secret } from "../runtime/secret.ts";
import type { Route, RouteContext } from "./miner-app.ts";
import { replyToError } from "./reply.ts";

/** Who is the operator. A peer's address tells nothing: behind a proxy all of them are this machine (M-W21). */
export interface AdminPolicy {
  /** Opens the operator's routes on the public listener; null: they are on the listener of their own alone. */
  readonly adminToken: Secret<string> | null;
  /** Keys and tokens are taken over TLS alone. */
  readonly refusePlainKeys: boolean;
}

/** A route for the operator (spec 8.12, 8.16): over the admin listener, or with the token. Others get a 403. */
export function adminRoute(route: Route): Route {
  return async (services, request, context) => {
    if (isOperator(services.adminPolicy, request, context)) return route(services, request, context);
    // As the reference says it (spec 8.12).
    return replyToError(new Refusal(403, "Forbidden"), context.logger);
  };
}

/** Refuses a body with keys of namespaces that came in clear, where the network is not one to try things out on (M-W4). */
export function refusePlainKeys(policy: AdminPolicy, body: SubnetObject, { secure, peer, admin }: RouteContext): void {
  if (!policy.refusePlainKeys || secure || admin || peer === null) return;
  if (!["namespace_key", "key", "new_key"].some((field) => isTruthy(body.get(field)))) return;
  throw new Refusal(400, "keys are taken over https alone on this network; this one was in clear, so change it");
}

function isOperator({ adminToken, refusePlainKeys }: AdminPolicy, request: Request, context: RouteContext): boolean {
  if (context.admin) return isFromProgram(request);
  if (adminToken === null || (refusePlainKeys && !context.secure)) return false;
  const token = /^Bearer ([\x21-\x7e]+)$/.exec(request.headers.get("authorization") ?? "")?.[1];
  return token !== undefined && timingSafeEqual(digest(token), digest(adminToken.reveal()));
}

/** Of one length, whatever was sent. */
function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
