import { pythonFloat } from "../../../crypto/python-text.ts";
import { PUBLIC_NAMESPACE } from "../../ports.ts";
import { Refusal } from "../../protocol/refusal.ts";
import { listText, objectText, valueText } from "../../protocol/reply-text.ts";
import { readRepairRequest } from "../../protocol/requests.ts";
import { admitCaller } from "../admission.ts";
import type { Route } from "../miner-app.ts";
import { replyToError } from "../reply.ts";
import { readBody } from "../request-body.ts";

/**
 * POST /RepairSynapse (spec 8.4): signature, rate, fields, record, in this order. Public records alone, whoever asks: a
 * private one is its owner's to repair, who has it (M-W1). Numbers are the exact float32 values as doubles, so that the
 * copy gets the same CID (M-W43).
 */
export const repairRoute: Route = async (services, request, { peer, logger }) => {
  try {
    const body = await readBody(request);
    const caller = await services.authenticator.authenticate(body, "RepairSynapse");
    admitCaller(services, peer, caller);
    const { cid } = readRepairRequest(body);
    const record = await services.store.get(PUBLIC_NAMESPACE, cid);
    if (!record) throw new Refusal(404, "not found");
    const embedding = Array.from(record.embedding, pythonFloat);
    const text = objectText({ cid: valueText(cid), embedding: listText(embedding), metadata: record.metadata });
    return { status: 200, text };
  } catch (error) {
    return replyToError(error, logger);
  }
};
