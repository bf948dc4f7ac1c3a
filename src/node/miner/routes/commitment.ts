import { pythonFloat } from "../../../crypto/python-text.ts";
import { proofText, type SignedCommitment } from "../../protocol/commitment.ts";
import { ROOT_COST } from "../../protocol/limits.ts";
import { Refusal } from "../../protocol/refusal.ts";
import { objectText, valueText } from "../../protocol/reply-text.ts";
import { readProveRequest } from "../../protocol/requests.ts";
import { admitCaller } from "../admission.ts";
import type { Route } from "../miner-app.ts";
import { replyToError } from "../reply.ts";
import { readBody } from "../request-body.ts";

/** GET /commitment (spec 8.13), signed with its count (M-W25). */
export const commitmentRoute: Route = async (services, _request, { peer, logger }) => {
  try {
    admitCaller(services, peer, null, ROOT_COST);
    const { commitment } = await services.committer.commitment();
    return { status: 200, text: objectText(fieldsOf(commitment)) };
  } catch (error) {
    return replyToError(error, logger);
  }
};

/** POST /prove-memory (spec 8.14), signed where the miner demands it (M-W21), with the signed commitment that the proof leads to. */
export const proveRoute: Route = async (services, request, { peer, logger }) => {
  try {
    const body = await readBody(request);
    const caller = await services.authenticator.authenticate(body, "prove-memory");
    admitCaller(services, peer, caller, ROOT_COST);
    const leaf = readProveRequest(body);
    const { commitment, proof } = await services.committer.commitment(leaf);
    if (proof === null) throw new Refusal(404, "not found");
    const own = { cid: valueText(leaf.cid), proof: valueText(proofText(proof)) };
    return { status: 200, text: objectText({ ...fieldsOf(commitment), ...own }) };
  } catch (error) {
    return replyToError(error, logger);
  }
};

function fieldsOf({ root_hex, count, built_at_ms, hotkey, chain, signature }: SignedCommitment) {
  return {
    root_hex: valueText(root_hex),
    count: String(count),
    built_at: pythonFloat(built_at_ms / 1000),
    hotkey: valueText(hotkey),
    built_at_ms: String(built_at_ms),
    chain: valueText(chain),
    signature: valueText(signature),
  };
}
