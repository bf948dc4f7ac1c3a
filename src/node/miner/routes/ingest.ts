import type { SubnetObject } from "../../../crypto/subnet-json.ts";
import { isTruthy } from "../../protocol/fields.ts";
import { ingestReplyText } from "../../protocol/reply-text.ts";
import { readIngestRequest } from "../../protocol/requests.ts";
import { refusePlainKeys } from "../admin-access.ts";
import { admitCaller } from "../admission.ts";
import type { Route, RouteContext } from "../miner-app.ts";
import type { MinerServices } from "../miner-services.ts";
import { paddedReply } from "../padded-reply.ts";
import { type Reply, replyToError } from "../reply.ts";
import { readBody } from "../request-body.ts";

/** POST /IngestSynapse (spec 8.1): signature, rate, fields, content, namespace, in this order. */
export const ingestRoute: Route = async (services, request, context) => {
  const { peer, logger } = context;
  const refused = (error: unknown) => replyToError(error, logger, (sentence) => ingestReplyText(null, sentence));
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
  const caller = await services.authenticator.authenticate(body, "IngestSynapse");
  admitCaller(services, context.peer, caller);
  refusePlainKeys(services.adminPolicy, body, context);
  const ingest = readIngestRequest(body);
  const cid = await services.ingester.ingest(ingest, caller);
  if (!ingest.claim) services.copies?.wake();
  if (caller !== null) services.wallets.countIngest(caller, ingest.claim ? null : cid, services.clock.now());
  return { status: 200, text: ingestReplyText(cid, null) };
}
