import { responseTargetMs } from "../../../crypto/padding.ts";
import {
  MAX_GRANT_BODY_BYTES,
  MAX_LETTERS_BODY_BYTES,
  readGrantedRequest,
  readLetterRequest,
  readLetters,
} from "../../protocol/namespace-grant.ts";
import { Refusal } from "../../protocol/refusal.ts";
import { objectText, queryReplyText, valueText } from "../../protocol/reply-text.ts";
import { readListRequest, readQueryRequest } from "../../protocol/requests.ts";
import { auth2Route } from "../auth2-route.ts";
import { listText } from "../list-page.ts";
import type { Route } from "../miner-app.ts";
import { NamespaceRefused } from "../namespace-gate.ts";

/** A query holds a vector. */
const MAX_QUERY_BODY_BYTES = 256 * 1024;

/** POST /list over auth2 (capability `grant1`): a page of a private namespace for a reader whom its owner granted it. */
export const sharedListRoute: Route = auth2Route(
  async (services, body, sender) => {
    const { namespace, grant } = readGrantedRequest(body);
    const opened = await services.grants.open(namespace, grant, sender);
    return listText(services, readListRequest(body), opened);
  },
  { maxBytes: MAX_GRANT_BODY_BYTES, isPrivate: true },
);

/** POST /QuerySynapse over auth2 (capability `grant1`), as above. */
export const sharedQueryRoute: Route = auth2Route(
  async (services, body, sender) => {
    const { namespace, grant } = readGrantedRequest(body);
    const opened = await services.grants.open(namespace, grant, sender);
    const began = performance.now();
    try {
      return queryReplyText(await services.querier.queryOpened(readQueryRequest(body), opened), null, null);
    } finally {
      const shown = responseTargetMs(performance.now() - began);
      services.stats.countQuery(shown);
      services.metrics.observeQuery(shown);
    }
  },
  { maxBytes: MAX_QUERY_BODY_BYTES, isPrivate: true },
);

/**
 * POST /NamespaceGrants, ours (capability `grant1`), over auth2 alone: the owner begins an epoch, which ends every grant of
 * an older one, and leaves a letter for each reader who stays. A free name becomes the sender's, as by an ingest: before its first record comes, the
 * miner knows whom it is not for. Somebody else's namespace and an unknown one are one 404.
 */
export const namespaceGrantsRoute: Route = auth2Route(
  async (services, body, sender) => {
    const { namespace, epoch, letters } = readLetters(body);
    await services.namespaceGate.ownOrClaim(namespace, sender).catch(asUnknown);
    const outcome = await services.namespaces.beginEpoch({ name: namespace, owner: sender, epoch, letters });
    if (outcome === "unknown") throw unknown();
    if (outcome === "older") throw new Refusal(409, "a newer epoch of this namespace has begun here");
    return objectText({ ok: "true", namespace: valueText(namespace), epoch: String(epoch) });
  },
  { maxBytes: MAX_LETTERS_BODY_BYTES, isPrivate: true },
);

/** POST /NamespaceLetter, ours (capability `grant1`): what the owner left for the sender, sealed to the sender's key. */
export const namespaceLetterRoute: Route = auth2Route(
  async (services, body, sender) => {
    const { namespace } = readLetterRequest(body);
    const letter = await services.namespaces.letterFor(namespace, sender);
    if (letter === null) throw new Refusal(404, "there is no letter for you here");
    return objectText({
      namespace: valueText(namespace),
      epoch: String(letter.epoch),
      sealed: valueText(letter.sealed),
    });
  },
  { maxBytes: 4 * 1024, isPrivate: true },
);

function asUnknown(error: unknown): never {
  throw error instanceof NamespaceRefused ? unknown() : error;
}

function unknown(): Refusal {
  return new Refusal(404, "no such namespace of yours here");
}
