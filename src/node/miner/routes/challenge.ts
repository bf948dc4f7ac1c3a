import { storageProof } from "../../../crypto/storage-proof.ts";
import { PUBLIC_NAMESPACE } from "../../ports.ts";
import { AUTH2_HEADER } from "../../protocol/possession.ts";
import { Refusal } from "../../protocol/refusal.ts";
import { objectText, valueText } from "../../protocol/reply-text.ts";
import { readChallengeRequest } from "../../protocol/requests.ts";
import { admitCaller } from "../admission.ts";
import { findProvable } from "../find-provable.ts";
import type { Route } from "../miner-app.ts";
import { paddedReply } from "../padded-reply.ts";
import { type Reply, replyToError } from "../reply.ts";
import { readBody } from "../request-body.ts";
import { possessionRoute } from "./possession.ts";

/** POST /ChallengeSynapse (spec 8.3): signature, rate, fields, expiry, record, in this order; over auth2 `proof2`. */
export const challengeRoute: Route = async (services, request, context) => {
  if (request.headers.has(AUTH2_HEADER)) return possessionRoute(services, request, context);
  const { peer, logger } = context;
  const arrivedAt = services.clock.now();
  const padded = (reply: Reply) => paddedReply(reply, arrivedAt, services.clock, peer);
  try {
    const body = await readBody(request);
    const caller = await services.authenticator.authenticate(body, "ChallengeSynapse");
    admitCaller(services, peer, caller);
    const challenge = readChallengeRequest(body);
    if (services.clock.now() / 1000 > challenge.expiresAt) {
      throw new Refusal(400, "this challenge has expired; send a new one, or set the clock");
    }
    const record = await findProvable(services, challenge.cid, caller);
    if (record === null) throw new Refusal(404, "not found");
    services.stats.countProof(true);
    const { embedding_hash, proof } = storageProof(record.embedding, challenge.nonce, challenge.validatorKey);
    const text = objectText({ embedding_hash: valueText(embedding_hash), proof: valueText(proof) });
    return record.namespace === PUBLIC_NAMESPACE ? { status: 200, text } : padded({ status: 200, text });
  } catch (error) {
    const reply = replyToError(error, logger);
    if (reply.status >= 500) services.stats.countProof(false);
    // What is not found may be somebody's private record: its lookup takes another time (M-W24).
    return reply.status === 404 ? padded(reply) : reply;
  }
};
