import type { ScoredRecord } from "../../ports.ts";
import { directionOf } from "./direction.ts";
import { indexFilter } from "./index-filter.ts";
import type { Journal } from "./journal.ts";
import type { MetadataTerms } from "./metadata-terms.ts";
import type { QdrantCollection } from "./qdrant-collection.ts";
import { rankAll, rankRows, type Search } from "./ranking.ts";

/** Asked for beyond the limit: records that have expired or are gone, and ties at the end of the page. */
const SPARE = 32;
const GROWTH = 4;
/** A page of the index beyond this costs more than reading the namespace. */
const MOST_FETCHED = 20_000;
/** An index computes in float32, in an order of its own: scores nearer than this may stand the other way round. */
const SCORE_ERROR = 1e-4;

export interface IndexSearchDeps {
  readonly journal: Journal;
  readonly collection: QdrantCollection;
  readonly terms: MetadataTerms;
}

/** The index does not have what it had: bring it up to date and ask again. */
export const STALE = Symbol("stale");

/**
 * The nearest records, of an index that has every change up to `applied`. What was written since is taken from the
 * journal, so that a record is found as soon as it was acknowledged. The result is that of the embedded store.
 */
export async function searchIndex(
  { journal, collection, terms }: IndexSearchDeps,
  query: Search,
  applied: number,
): Promise<readonly ScoredRecord[] | typeof STALE> {
  const direction = directionOf(query.vector);
  const filter = indexFilter(query.namespace, query.filter, terms);
  for (let size = query.limit + SPARE; size <= MOST_FETCHED; size *= GROWTH) {
    const { rows, marker } = await collection.search(direction, filter, size);
    if (marker === null || marker.applied < applied) return STALE;
    const hits = journal.snapshot(() => {
      if (!journal.knowsAllAfter(applied)) return STALE;
      const unapplied = journal.addedAfter(query.namespace, applied);
      return rankRows(journal, [...new Set([...rows.map(({ id }) => id), ...unapplied])], query);
    });
    if (hits === STALE || rows.length < size) return hits;
    // What the page does not show is no better than its last row.
    const beyond = (rows.at(-1)?.score ?? -1) + SCORE_ERROR;
    if (hits.length === query.limit && (hits.at(-1)?.score ?? -1) > beyond) return hits;
  }
  return await rankAll(journal, query);
}
