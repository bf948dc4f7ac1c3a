import type { Hotkey } from "../../crypto/ss58.ts";
import type { SubnetObject } from "../../crypto/subnet-json.ts";
import { admitCaller } from "./admission.ts";
import type { Route } from "./miner-app.ts";
import type { MinerServices } from "./miner-services.ts";
import { paddedReply } from "./padded-reply.ts";
import { type Reply, replyToError } from "./reply.ts";
import { parseBody, readBytes } from "./request-body.ts";

/** What a route answers to whom, as JSON text; `isPrivate` when it tells of anything that is not public. */
export type Auth2Answer = (
  services: MinerServices,
  body: SubnetObject,
  sender: Hotkey,
) => Promise<string | { readonly text: string; readonly isPrivate: boolean }>;

interface Auth2Options {
  readonly maxBytes: number;
  /** Every outcome is padded (spec 9.2), errors too: what it may tell of is private. */
  readonly isPrivate?: true;
}

/**
 * A route over auth2 alone: authentication, rate, fields, in this order; whatever an authenticated sender is answered is
 * signed.
 */
export function auth2Route(answer: Auth2Answer, options: number | Auth2Options): Route {
  const { maxBytes, isPrivate = false } = typeof options === "number" ? { maxBytes: options } : options;
  return async (services, request, { peer, logger }) => {
    const arrivedAt = services.clock.now();
    const padded = (reply: Reply, padding: boolean = isPrivate) =>
      padding ? paddedReply(reply, arrivedAt, services.clock, peer) : reply;
    try {
      const bytes = await readBytes(request, maxBytes);
      const { sender, replyHeaders } = services.auth2.authenticate(request, bytes);
      await services.authenticator.admit(sender);
      const reply = await answered(bytes, sender).catch((error: unknown) => padded(replyToError(error, logger)));
      return { ...reply, headers: { ...reply.headers, ...replyHeaders(reply.status, reply.text) } };
    } catch (error) {
      return padded(replyToError(error, logger));
    }

    async function answered(bytes: Uint8Array, sender: Hotkey): Promise<Reply> {
      admitCaller(services, peer, sender);
      const answered = await answer(services, parseBody(bytes), sender);
      if (typeof answered === "string") return padded({ status: 200, text: answered });
      return padded({ status: 200, text: answered.text }, isPrivate || answered.isPrivate);
    }
  };
}
