import type { ListedRecord, MinerClient } from "./miner-client.ts";
import { LIST_PAGE } from "./miner-client.ts";

/** A miner that invents records without end is cut off here: four million records of one namespace. */
const MAX_PAGES = 20_000;

/**
 * Every record of a namespace (the public space when none is named) at one miner, page by page: by `after` where the
 * miner offers it, else by `offset` (spec 8.7). A page that brings nothing new ends it, so that a miner which repeats
 * itself cannot keep anybody busy.
 */
export async function* listAll(
  client: Pick<MinerClient, "list">,
  query: { readonly namespace?: string; readonly filter?: object },
  signal: AbortSignal,
): AsyncGenerator<readonly ListedRecord[]> {
  const seen = new Set<string>();
  let after: string | undefined;
  for (let page = 0, offset = 0; page < MAX_PAGES; page++) {
    const place = after === undefined ? { offset } : { after };
    const { records, next } = await client.list(
      { ...query, limit: LIST_PAGE, ...place },
      { signal, deadlineMs: 30_000 },
    );
    const fresh = records.filter(({ cid }) => !seen.has(cid));
    for (const { cid } of fresh) seen.add(cid);
    if (fresh.length > 0) yield fresh;
    if (fresh.length === 0 || (next === undefined && records.length < LIST_PAGE)) return;
    after = next;
    offset += records.length;
  }
}
