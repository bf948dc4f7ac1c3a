import type { Hotkey } from "../../../crypto/ss58.ts";
import { storageProof } from "../../../crypto/storage-proof.ts";
import { PUBLIC_NAMESPACE, type StoredRecord } from "../../ports.ts";
import { Refusal } from "../../protocol/refusal.ts";
import { objectText, valueText } from "../../protocol/reply-text.ts";
import { type ChallengeRequest, readChallengeRequest } from "../../protocol/requests.ts";
import { admitCaller } from "../admission.ts";
import type { Route } from "../miner-app.ts";
import type { MinerServices } from "../miner-services.ts";
import { replyToError } from "../reply.ts";
import { readBody } from "../request-body.ts";

/** POST /ChallengeSynapse (spec 8.3): signature, rate, fields, expiry, record, in this order. */
export const challengeRoute: Route = async (services, request, { peer, logger }) => {
  try {
    const body = await readBody(request);
    const caller = await services.authenticator.authenticate(body, "ChallengeSynapse");
    admitCaller(services, peer, caller);
    const challenge = readChallengeRequest(body);
    if (services.clock.now() / 1000 > challenge.expiresAt) {
      throw new Refusal(400, "this challenge has expired; send a new one, or set the clock");
    }
    const { embedding } = await challenged(services, challenge, caller);
    const { embedding_hash, proof } = storageProof(embedding, challenge.nonce, challenge.validatorKey);
    return { status: 200, text: objectText({ embedding_hash: valueText(embedding_hash), proof: valueText(proof) }) };
  } catch (error) {
    return replyToError(error, logger);
  }
};

/** The public record, or the caller's own private one: owners audit their records. Anything else is not there (M-W5). */
async function challenged(
  { store, namespaces }: MinerServices,
  { cid }: ChallengeRequest,
  caller: Hotkey | null,
): Promise<StoredRecord> {
  const records = await store.locate(cid);
  const shown = records.find(({ namespace }) => namespace === PUBLIC_NAMESPACE);
  if (shown) return shown;
  for (const record of caller === null ? [] : records) {
    if ((await namespaces.ownerOf(record.namespace)) === caller) return record;
  }
  throw new Refusal(404, "not found");
}
