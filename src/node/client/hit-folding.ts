import type { Hit, MemoryId } from "./memory.ts";
import { type Said, saidIn, saysAll } from "./recall/fold.ts";
import type { RecallPlace } from "./store/recall-operations.ts";

/** A hit with its place in the order of hits. */
export interface PlacedHit extends RecallPlace {
  readonly hit: Hit;
  /** Held by this home; a hit that a miner returned is shown by itself, for whoever signed it vouches for it. */
  readonly held: boolean;
}

export interface FoldedPage {
  readonly hits: readonly Hit[];
  /** The last hit that the page has, shown or folded, when more follow: where the next page begins. */
  readonly end?: RecallPlace;
}

/** So many ids beside a hit are read; what says the same beyond them is shown again. */
const MOST_SIMILAR = 50;

interface Group {
  readonly hit: Hit;
  readonly said: Said | undefined;
  readonly similar: MemoryId[];
}

/**
 * The first `limit` hits that say different things. One that says nothing new is named by the hit above it (`similar`)
 * instead of taking a place of its own. A page is one stretch of the order: all in it are shown or named, once.
 */
export async function foldHits(ordered: AsyncIterable<PlacedHit>, limit: number): Promise<FoldedPage> {
  const groups: Group[] = [];
  let end: RecallPlace | undefined;
  for await (const { hit, held, score, row } of ordered) {
    const said = held ? saidIn(hit) : undefined;
    const group = said && groups.find((one) => isSaidBy(one, said, hit));
    if (group) group.similar.push(hit.id);
    else if (groups.length === limit) return { hits: groups.map(shown), ...(end && { end }) };
    else groups.push({ hit, said, similar: [] });
    end = { score, row };
  }
  return { hits: groups.map(shown) };
}

function isSaidBy(group: Group, said: Said, { owner, visibility }: Hit): boolean {
  if (!group.said || group.similar.length >= MOST_SIMILAR) return false;
  return group.hit.owner === owner && group.hit.visibility === visibility && saysAll(group.said, said);
}

function shown({ hit, similar }: Group): Hit {
  return similar.length === 0 ? hit : { ...hit, similar };
}
