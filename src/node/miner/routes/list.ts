import type { Hotkey } from "../../../crypto/ss58.ts";
import type { SubnetObject } from "../../../crypto/subnet-json.ts";
import { PUBLIC_NAMESPACE } from "../../ports.ts";
import { isTruthy } from "../../protocol/fields.ts";
import { AUTH2_HEADER } from "../../protocol/possession.ts";
import { Refusal, type RefusalStatus } from "../../protocol/refusal.ts";
import { type ListRequest, readListRequest } from "../../protocol/requests.ts";
import { refusePlainKeys } from "../admin-access.ts";
import { admitCaller } from "../admission.ts";
import { listText } from "../list-page.ts";
import type { Route, RouteContext } from "../miner-app.ts";
import type { MinerServices } from "../miner-services.ts";
import { NamespaceRefused } from "../namespace-gate.ts";
import { paddedReply } from "../padded-reply.ts";
import { type Reply, replyToError } from "../reply.ts";
import { readBody } from "../request-body.ts";
import { sharedListRoute } from "./shared-namespace.ts";

/** POST /list (spec 8.7); `next` is ours: send it back as `after`. Over auth2 it is a reader's, by grant. */
export const listRoute: Route = async (services, request, context) => {
  if (request.headers.has(AUTH2_HEADER)) return sharedListRoute(services, request, context);
  const { peer, logger } = context;
  const arrivedAt = services.clock.now();
  let body: SubnetObject;
  try {
    body = await readBody(request);
  } catch (error) {
    return replyToError(error, logger);
  }
  const reply = await answer(services, body, context).catch((error: unknown) => replyToError(error, logger));
  return isTruthy(body.get("namespace")) ? paddedReply(reply, arrivedAt, services.clock, peer) : reply;
};

async function answer(services: MinerServices, body: SubnetObject, context: RouteContext): Promise<Reply> {
  const caller = await services.authenticator.authenticate(body, "list");
  admitCaller(services, context.peer, caller);
  refusePlainKeys(services.adminPolicy, body, context);
  const request = readListRequest(body);
  const text = await listText(services, request, await namespaceOf(services, request, caller));
  return { status: 200, text };
}

/** What depends on the request alone keeps its status; an unknown namespace and another's are one 404. */
const STATUS: Readonly<Record<NamespaceRefused["reason"], RefusalStatus>> = {
  fields: 403,
  legacy: 403,
  reserved: 403,
  signature: 403,
  name: 404,
  owner: 404,
};

async function namespaceOf(services: MinerServices, { claim }: ListRequest, caller: Hotkey | null): Promise<string> {
  if (!claim) return PUBLIC_NAMESPACE;
  try {
    return await services.namespaceGate.open(claim, caller);
  } catch (error) {
    throw error instanceof NamespaceRefused ? new Refusal(STATUS[error.reason], error.message) : error;
  }
}
