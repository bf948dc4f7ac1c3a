import type { Journal, RecordKey } from "./journal.ts";
import type { QdrantCollection } from "./qdrant-collection.ts";

const PAGE = 2_000;

/** What the index must be given and must lose to hold the journal's records and nothing else. */
export type Difference = { readonly missing: number } | { readonly extra: number | string };

/**
 * Walks journal and index side by side, both in order of id. A point under a record's id that names another record is
 * of another history of the journal (a restored backup): it is replaced.
 */
export async function* compareIndex(journal: Journal, collection: QdrantCollection): AsyncGenerator<Difference> {
  const keys = allKeys(journal);
  let key = keys.next().value;
  for await (const point of collection.points(PAGE)) {
    const { id } = point;
    if (typeof id !== "number") {
      yield { extra: id };
      continue;
    }
    for (; key && key.id < id; key = keys.next().value) yield { missing: key.id };
    if (key?.id !== id) yield { extra: id };
    else {
      if (key.cid !== point.cid || key.namespace !== point.namespace) yield { missing: id };
      key = keys.next().value;
    }
  }
  for (; key; key = keys.next().value) yield { missing: key.id };
}

function* allKeys(journal: Journal): Generator<RecordKey, undefined> {
  for (let after = 0; ; ) {
    const page = journal.keysAfter(after, PAGE);
    yield* page;
    const last = page.at(-1);
    if (!last) return undefined;
    after = last.id;
  }
}
