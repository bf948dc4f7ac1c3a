import { objectFromPlain } from "../../../crypto/subnet-json.ts";
import { MAX_KEY_SHARE_BODY_BYTES, readShareRetrieve, readShareStore } from "../../protocol/key-share-messages.ts";
import { objectText, valueText } from "../../protocol/reply-text.ts";
import { auth2Route } from "../auth2-route.ts";
import type { Route } from "../miner-app.ts";

const OPTIONS = { maxBytes: MAX_KEY_SHARE_BODY_BYTES, isPrivate: true } as const;

/** POST /KeyShareSynapse (spec 8.8), over auth2 alone: one namespace signature opened every share (M-W10, F3). */
export const keyShareStoreRoute: Route = auth2Route(async ({ shareKeeper }, body, sender) => {
  const wanted = readShareStore(body);
  if ("commit_epoch" in wanted) await shareKeeper.commit(wanted, sender);
  else await shareKeeper.keep(wanted, sender);
  return objectText({ stored: "true" });
}, OPTIONS);

/** POST /KeyShareRetrieve (spec 8.9), over auth2 alone. */
export const keyShareRetrieveRoute: Route = auth2Route(async ({ shareKeeper }, body, sender) => {
  const shares = await shareKeeper.retrieve(readShareRetrieve(body), sender);
  return valueText(objectFromPlain({ shares }));
}, OPTIONS);
