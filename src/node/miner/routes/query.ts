import { responseTargetMs } from "../../../crypto/padding.ts";
import type { SubnetObject } from "../../../crypto/subnet-json.ts";
import { isTruthy } from "../../protocol/fields.ts";
import { AUTH2_HEADER } from "../../protocol/possession.ts";
import { queryReplyText } from "../../protocol/reply-text.ts";
import { readQueryRequest } from "../../protocol/requests.ts";
import { refusePlainKeys } from "../admin-access.ts";
import { admitCaller } from "../admission.ts";
import type { Route, RouteContext } from "../miner-app.ts";
import type { MinerServices } from "../miner-services.ts";
import { paddedReply } from "../padded-reply.ts";
import { type Reply, replyToError } from "../reply.ts";
import { readBody } from "../request-body.ts";
import { sharedQueryRoute } from "./shared-namespace.ts";

/** POST /QuerySynapse (spec 8.2); over auth2 a reader's, by grant. */
export const queryRoute: Route = async (services, request, context) => {
  if (request.headers.has(AUTH2_HEADER)) return sharedQueryRoute(services, request, context);
  const { peer, logger } = context;
  const refused = (error: unknown) => replyToError(error, logger, (sentence) => queryReplyText([], null, sentence));
  const arrivedAt = services.clock.now();
  let body: SubnetObject;
  try {
    body = await readBody(request);
  } catch (error) {
    return refused(error);
  }
  const reply = await answer(services, body, context).catch(refused);
  return isTruthy(body.get("namespace")) ? paddedReply(reply, arrivedAt, services.clock, peer) : reply;
};

async function answer(services: MinerServices, body: SubnetObject, context: RouteContext): Promise<Reply> {
  const caller = await services.authenticator.authenticate(body, "QuerySynapse");
  admitCaller(services, context.peer, caller);
  refusePlainKeys(services.adminPolicy, body, context);
  const query = readQueryRequest(body);
  const began = performance.now();
  try {
    const hits = await services.querier.query(query, caller);
    // The true time of a private query would undo its padding (M-W24).
    const latency = query.claim ? null : performance.now() - began;
    return { status: 200, text: queryReplyText(hits, latency, null) };
  } finally {
    const took = performance.now() - began;
    // The means and sums that anybody may read would tell a private query's true time too.
    const shown = query.claim ? responseTargetMs(took) : took;
    services.stats.countQuery(shown);
    services.metrics.observeQuery(shown);
    if (caller !== null) services.wallets.countQuery(caller, services.clock.now());
  }
}
