import type { Hotkey } from "../../../crypto/ss58.ts";
import type { SubnetObject } from "../../../crypto/subnet-json.ts";
import { PUBLIC_NAMESPACE, type RecordPage } from "../../ports.ts";
import { isTruthy } from "../../protocol/fields.ts";
import { referenceFilter } from "../../protocol/filter.ts";
import { Refusal, type RefusalStatus } from "../../protocol/refusal.ts";
import { listText, objectText, recordText, valueText } from "../../protocol/reply-text.ts";
import { type ListRequest, readListRequest } from "../../protocol/requests.ts";
import { refusePlainKeys } from "../admin-access.ts";
import { admitCaller } from "../admission.ts";
import type { Route, RouteContext } from "../miner-app.ts";
import type { MinerServices } from "../miner-services.ts";
import { NamespaceRefused } from "../namespace-gate.ts";
import { paddedReply } from "../padded-reply.ts";
import { type Reply, replyToError } from "../reply.ts";
import { readBody } from "../request-body.ts";

/** POST /list (spec 8.7); `next` is ours: send it back as `after`. */
export const listRoute: Route = async (services, request, context) => {
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
  const { records, next } = await page(services, request, await namespaceOf(services, request, caller));
  const text = objectText({
    records: listText(records.map(recordText)),
    count: String(records.length),
    offset: String(request.offset),
    limit: String(request.limit),
    ...(next === null ? {} : { next: valueText(next) }),
  });
  return { status: 200, text };
}

async function page({ store, clock }: MinerServices, request: ListRequest, namespace: string): Promise<RecordPage> {
  const { limit, offset, after, filter } = request;
  const pairs = filter ? referenceFilter(filter) : null;
  if (limit === 0) return { records: [], next: null, last: null };
  return store.list({
    namespace,
    limit,
    offset,
    now: clock.now(),
    ...(after === undefined ? {} : { after }),
    ...(pairs ? { filter: pairs } : {}),
  });
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
