import type { Hotkey } from "../../crypto/ss58.ts";
import type { SubnetObject } from "../../crypto/subnet-json.ts";
import { admitCaller } from "./admission.ts";
import type { Route } from "./miner-app.ts";
import type { MinerServices } from "./miner-services.ts";
import { type Reply, replyToError } from "./reply.ts";
import { parseBody, readBytes } from "./request-body.ts";

/** What a route answers to whom, as JSON text. */
export type Auth2Answer = (services: MinerServices, body: SubnetObject, sender: Hotkey) => Promise<string>;

/**
 * A route over auth2 alone: authentication, rate, fields, in this order; whatever an authenticated sender is answered is
 * signed.
 */
export function auth2Route(answer: Auth2Answer, maxBytes: number): Route {
  return async (services, request, { peer, logger }) => {
    try {
      const bytes = await readBytes(request, maxBytes);
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
