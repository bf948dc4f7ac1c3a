import { PUBLIC_NAMESPACE } from "../../ports.ts";
import { MAX_CID_CHARACTERS } from "../../protocol/limits.ts";
import { Refusal } from "../../protocol/refusal.ts";
import { archivedRecordText, objectText, recordText, valueText } from "../../protocol/reply-text.ts";
import { readDeleteRequest } from "../../protocol/requests.ts";
import { admitCaller } from "../admission.ts";
import type { Route, RouteContext } from "../miner-app.ts";
import type { MinerServices } from "../miner-services.ts";
import { paddedReply } from "../padded-reply.ts";
import { replyToError } from "../reply.ts";
import { readBody } from "../request-body.ts";

/** GET /retrieve/{cid} (spec 8.5): public records only; a private one is as good as none. */
export const retrieveRoute: Route = async (services, _request, { logger, variable: path }) => {
  try {
    const cid = checkedCid(path);
    const record = await services.store.get(PUBLIC_NAMESPACE, cid);
    if (!record) throw notFound();
    const check = await services.archive?.checker.check(record);
    return { status: 200, text: check === undefined ? recordText(record) : archivedRecordText(record, check) };
  } catch (error) {
    return replyToError(error, logger);
  }
};

/**
 * DELETE /retrieve/{cid} (spec 8.6): signed always, by the namespace's owner or by who ingested the public record, over
 * a body that names the same CID (M-W5, M-W6). Padded but where a public record goes: a CID alone may be somebody's private one.
 */
export const deleteRoute: Route = async (services, request, context) => {
  const arrivedAt = services.clock.now();
  try {
    const { text, isPublic } = await deleted(services, request, context);
    const reply = { status: 200, text };
    return isPublic ? reply : await paddedReply(reply, arrivedAt, services.clock, context.peer);
  } catch (error) {
    return paddedReply(replyToError(error, context.logger), arrivedAt, services.clock, context.peer);
  }
};

async function deleted(services: MinerServices, request: Request, { peer, variable: path }: RouteContext) {
  const body = await readBody(request);
  const caller = await services.authenticator.authenticate(body, "DeleteSynapse");
  admitCaller(services, peer, caller);
  if (caller === null) {
    throw new Refusal(401, "sign the delete: a body with cid, hotkey, nonce and signature for DeleteSynapse");
  }
  const cid = checkedCid(path);
  const { cid: signedCid, namespace } = readDeleteRequest(body);
  if (signedCid !== cid) throw new Refusal(400, "the signed body must hold cid, equal to the one in the path");
  const isPublic = namespace === undefined && (await services.store.get(PUBLIC_NAMESPACE, cid)) !== null;
  if (!(await services.deleter.delete(cid, caller, namespace))) throw notFound();
  return { text: objectText({ deleted: "true", cid: valueText(cid) }), isPublic };
}

function checkedCid(path: string): string {
  const cid = path.trim();
  if (cid === "") throw new Refusal(400, "name a CID in the path");
  if (cid.length > MAX_CID_CHARACTERS) throw notFound();
  return cid;
}

function notFound(): Refusal {
  return new Refusal(404, "not found");
}
