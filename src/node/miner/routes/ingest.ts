import { ingestReplyText } from "../../protocol/reply-text.ts";
import { readIngestRequest } from "../../protocol/requests.ts";
import { admitCaller } from "../admission.ts";
import type { Route } from "../miner-app.ts";
import { replyToError } from "../reply.ts";
import { readBody } from "../request-body.ts";

/** POST /IngestSynapse (spec 8.1): signature, rate, fields, content, namespace, in this order. */
export const ingestRoute: Route = async (services, request, { peer, logger }) => {
  try {
    const body = await readBody(request);
    const caller = await services.authenticator.authenticate(body, "IngestSynapse");
    admitCaller(services, peer, caller);
    const cid = await services.ingester.ingest(readIngestRequest(body), caller);
    return { status: 200, text: ingestReplyText(cid, null) };
  } catch (error) {
    return replyToError(error, logger, (sentence) => ingestReplyText(null, sentence));
  }
};
