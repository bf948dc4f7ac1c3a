import { pythonFloat } from "../../../crypto/python-text.ts";
import { readAttestRequest } from "../../protocol/namespace-requests.ts";
import { objectText, valueText } from "../../protocol/reply-text.ts";
import { admitCaller } from "../admission.ts";
import type { Route } from "../miner-app.ts";
import { heldBack, paddedReply } from "../padded-reply.ts";
import { replyToError } from "../reply.ts";
import { readBody } from "../request-body.ts";

/** POST /AttestNamespace (spec 8.10): its own signature is its authentication. Refusals are padded. */
export const attestRoute: Route = async (services, request, context) => {
  const arrivedAt = services.clock.now();
  const reply = await attest(services, request, context);
  // Names may be taken by namespaces that nobody may know of (M-W24).
  return reply.status === 200 ? reply : paddedReply(reply, arrivedAt, services.clock, context.peer);
};

const attest: Route = async (services, request, { peer, logger }) => {
  try {
    admitCaller(services, peer, null);
    const attest = readAttestRequest(await readBody(request));
    const standing = await services.attester.attest(attest, (hotkey) => services.authenticator.admit(hotkey));
    const text = objectText({
      ok: "true",
      namespace: valueText(attest.namespace),
      trust_tier: valueText(standing.tier),
      stake_tao: pythonFloat(standing.stakeTao),
    });
    return { status: 200, text };
  } catch (error) {
    return replyToError(error, logger);
  }
};

/** GET /attestation/{namespace} (spec 8.11): tells of attested namespaces alone, and of all others the same, held back. */
export const attestationRoute: Route = async (services, _request, { peer, logger, variable: namespace }) => {
  const arrivedAt = services.clock.now();
  try {
    const found = await services.attester.show(namespace);
    const fields = found
      ? {
          owner_hotkey: valueText(found.owner),
          trust_tier: valueText(found.tier),
          stake_tao: pythonFloat(found.stakeTao),
          attested_at: pythonFloat(found.attestedAt / 1000),
          attested: "true",
        }
      : { trust_tier: '"anonymous"', attested: "false" };
    const reply = { status: 200, text: objectText({ namespace: valueText(namespace), ...fields }) };
    if (!found) await heldBack(arrivedAt, services.clock, peer);
    return reply;
  } catch (error) {
    return replyToError(error, logger);
  }
};
