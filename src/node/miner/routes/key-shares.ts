import type { Hotkey } from "../../../crypto/ss58.ts";
import { objectFromPlain, type SubnetObject } from "../../../crypto/subnet-json.ts";
import { MAX_KEY_SHARE_BODY_BYTES, readShareRetrieve, readShareStore } from "../../protocol/key-share-messages.ts";
import { objectText, valueText } from "../../protocol/reply-text.ts";
import { admitCaller } from "../admission.ts";
import type { Route } from "../miner-app.ts";
import type { MinerServices } from "../miner-services.ts";
import { type Reply, replyToError } from "../reply.ts";
import { parseBody, readBytes } from "../request-body.ts";

type Answer = (services: MinerServices, body: SubnetObject, sender: Hotkey) => Promise<string>;

/** POST /KeyShareSynapse (spec 8.8), over auth2 alone: one namespace signature opened every share (M-W10, F3). */
export const keyShareStoreRoute: Route = auth2Route(async ({ shareKeeper }, body, sender) => {
  const wanted = readShareStore(body);
  if ("commit_epoch" in wanted) await shareKeeper.commit(wanted, sender);
  else await shareKeeper.keep(wanted, sender);
  return objectText({ stored: "true" });
});

/** POST /KeyShareRetrieve (spec 8.9), over auth2 alone. */
export const keyShareRetrieveRoute: Route = auth2Route(async ({ shareKeeper }, body, sender) => {
  const shares = await shareKeeper.retrieve(readShareRetrieve(body), sender);
  return valueText(objectFromPlain({ shares }));
});

/** Authentication, rate, fields, in this order; whatever an authenticated sender is answered is signed. */
function auth2Route(answer: Answer): Route {
  return async (services, request, { peer, logger }) => {
    try {
      const bytes = await readBytes(request, MAX_KEY_SHARE_BODY_BYTES);
      const { sender, replyHeaders } = services.auth2.authenticate(request, bytes);
      await services.authenticator.admit(sender);
      const reply = await answered(services, bytes, sender).catch((error: unknown) => replyToError(error, logger));
      return { ...reply, headers: { ...reply.headers, ...replyHeaders(reply.status, reply.text) } };
    } catch (error) {
      return replyToError(error, logger);
    }

    async function answered(using: MinerServices, bytes: Uint8Array, sender: Hotkey): Promise<Reply> {
      admitCaller(using, peer, sender);
      return { status: 200, text: await answer(using, parseBody(bytes), sender) };
    }
  };
}
