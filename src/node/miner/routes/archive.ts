import { objectFromPlain } from "../../../crypto/subnet-json.ts";
import { MAX_ARCHIVE_BODY_BYTES, readArchiveRequest } from "../../protocol/archive-messages.ts";
import { Refusal } from "../../protocol/refusal.ts";
import { valueText } from "../../protocol/reply-text.ts";
import { auth2Route } from "../auth2-route.ts";
import type { Route } from "../miner-app.ts";

/** A record that is asked for may be private, and whether there is one is then private too (spec 9.2). */
const PRIVATE = { maxBytes: MAX_ARCHIVE_BODY_BYTES, isPrivate: true } as const;

/** POST /ArchiveSynapse, over auth2 alone: the bytes that the sender's own record names, at this miner's cost. */
export const archiveRoute: Route = auth2Route(async ({ archive, chainView, archiveStakeTao }, body, sender) => {
  if (!archive) throw new Refusal(404, "this miner archives nothing");
  // Hotkeys cost nothing: any number of strangers could spend the operator's money for a day.
  const known = archiveStakeTao === 0 || ((await chainView.neuron(sender))?.stakeTao ?? -1) >= archiveStakeTao;
  if (!known) throw new Refusal(403, `archiving needs a registered hotkey with ${archiveStakeTao} TAO staked`);
  const { contentCid, transactionId, state } = await archive.archiver.archive(readArchiveRequest(body), sender);
  const arweave = { arweave_tx_id: transactionId, arweave_url: archive.urlOf(transactionId) };
  return valueText(objectFromPlain({ content_cid: contentCid, ...arweave, state }));
}, PRIVATE);
