import { cidMatches } from "../../crypto/cid.ts";
import type { HeldRecord } from "../../crypto/possession-proof.ts";
import type { Hotkey } from "../../crypto/ss58.ts";
import type { SubnetObject } from "../../crypto/subnet-json.ts";
import { placesOf, REPLICAS } from "../../crypto/xor-placement.ts";
import type { ServingMiner } from "../../node/chain/serving-miners.ts";
import { fetchContent, type MinerCallDeps } from "../../node/validator/replication/fetch-content.ts";

/** So many miners are asked for a record, and each has so long. */
const MOST_ASKED = 6;
const CALL_MS = 5_000;
/** Copies of two owners: one miner's word is its own. */
const COPIES = 2;

/** Metadata of bytes that two miners of two owners gave, both hashed here to the CID they were asked for. */
type TwoCopies = SubnetObject | null;

/**
 * Asks miners for `cid` until those of two owners gave its bytes; null where fewer did. Those it is assigned to come
 * first, then `named`, then whoever is next. What does not hash to the CID counts as no answer. Errors: the signal's
 * reason.
 */
export async function twoCopies(
  deps: MinerCallDeps,
  cid: string,
  { miners, named }: { readonly miners: readonly ServingMiner[]; readonly named: Hotkey },
): Promise<TwoCopies> {
  const places = placesOf(cid, miners);
  const ordered = [...places.slice(0, REPLICAS), ...miners.filter(({ hotkey }) => hotkey === named), ...places];
  const left = [...new Set(ordered)].slice(0, MOST_ASKED);
  const owners = new Set<Hotkey>();
  let metadata: TwoCopies = null;
  while (owners.size < COPIES && left.length > 0) {
    const asked = left.splice(0, COPIES - owners.size);
    const given = await Promise.all(
      asked.map(async ({ url, coldkey }) => {
        const content = await fetchContent(deps, url, { cid, deadlineMs: CALL_MS });
        const own = content && ownMetadata(cid, content);
        return own && { own, coldkey };
      }),
    );
    for (const one of given) {
      if (one === null) continue;
      metadata = one.own;
      owners.add(one.coldkey);
    }
  }
  return owners.size < COPIES ? null : metadata;
}

/** The metadata that the CID was made of; null for other bytes. What a Qdrant source adds is taken off (M-W43). */
function ownMetadata(
  cid: string,
  { embedding, metadata }: Pick<HeldRecord, "embedding" | "metadata">,
): SubnetObject | null {
  const own: SubnetObject = new Map([...metadata].filter(([key]) => key !== "_emb_hash"));
  return embedding.length > 0 && cidMatches(cid, { embedding, metadata: own }) ? own : null;
}
