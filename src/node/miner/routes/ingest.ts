import { ingestReplyText } from "../../protocol/reply-text.ts";
import { readIngestRequest } from "../../protocol/requests.ts";
import { refusePlainKeys } from "../admin-access.ts";
import { admitCaller } from "../admission.ts";
import type { Route } from "../miner-app.ts";
import { replyToError } from "../reply.ts";
import { readBody } from "../request-body.ts";

/** POST /IngestSynapse (spec 8.1): signature, rate, fields, content, namespace, in this order. */
export const ingestRoute: Route = async (services, request, context) => {
  const { peer, logger } = context;
  try {
    const body = await readBody(request);
    const caller = await services.authenticator.authenticate(body, "IngestSynapse");
    admitCaller(services, peer, caller);
    refusePlainKeys(services.adminPolicy, body, context);
    const ingest = readIngestRequest(body);
    const cid = await services.ingester.ingest(ingest, caller);
    if (caller !== null) services.wallets.countIngest(caller, ingest.claim ? null : cid, services.clock.now());
    return { status: 200, text: ingestReplyText(cid, null) };
  } catch (error) {
    return replyToError(error, logger, (sentence) => ingestReplyText(null, sentence));
  }
};
