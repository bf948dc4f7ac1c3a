import type { SubnetObject } from "../../../crypto/subnet-json.ts";
import { isTruthy } from "../../protocol/fields.ts";
import { queryReplyText } from "../../protocol/reply-text.ts";
import { readQueryRequest } from "../../protocol/requests.ts";
import { admitCaller, type Peer } from "../admission.ts";
import type { Route } from "../miner-app.ts";
import type { MinerServices } from "../miner-services.ts";
import { paddedReply } from "../padded-reply.ts";
import { type Reply, replyToError } from "../reply.ts";
import { readBody } from "../request-body.ts";

/** POST /QuerySynapse (spec 8.2). */
export const queryRoute: Route = async (services, request, { peer, logger }) => {
  const refused = (error: unknown) => replyToError(error, logger, (sentence) => queryReplyText([], null, sentence));
  const arrivedAt = services.clock.now();
  let body: SubnetObject;
  try {
    body = await readBody(request);
  } catch (error) {
    return refused(error);
  }
  const reply = await answer(services, body, peer).catch(refused);
  return isTruthy(body.get("namespace")) ? paddedReply(reply, arrivedAt, services.clock, peer) : reply;
};

async function answer(services: MinerServices, body: SubnetObject, peer: Peer): Promise<Reply> {
  const caller = await services.authenticator.authenticate(body, "QuerySynapse");
  admitCaller(services, peer, caller);
  const query = readQueryRequest(body);
  const began = performance.now();
  try {
    const hits = await services.querier.query(query, caller);
    // The true time of a private query would undo its padding (M-W24).
    const latency = query.claim ? null : performance.now() - began;
    return { status: 200, text: queryReplyText(hits, latency, null) };
  } finally {
    services.stats.countQuery(performance.now() - began);
  }
}
