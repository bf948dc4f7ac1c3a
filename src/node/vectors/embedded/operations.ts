import { EngramError } from "../../../crypto/errors.ts";
import type { RecordPage, ScoredRecord, StoredRecord, VectorStore } from "../../ports.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import type { WriteContext } from "../../runtime/store-host.ts";
import { NamespaceArena, type Scan } from "./namespace-arena.ts";
import { checkVector, toRecord } from "./record-rows.ts";
import { checkLimit, RecordTable } from "./record-table.ts";
import { createRegistryOperations } from "./registry-operations.ts";

const SEARCH_LIMIT = 10_000;
const PAGE_LIMIT = 1_000;
const ATTEMPTS = 3;

type Search = Parameters<VectorStore["search"]>[0];
type List = Parameters<VectorStore["list"]>[0];
interface Key {
  readonly namespace: string;
  readonly cid: string;
  readonly now: number;
}

/**
 * What a vector store's worker does, on a database with `vectorStoreMigrations`. A worker that keeps more tables in
 * the same file spreads `reads` and `writes` into its own operations.
 */
export function createVectorStoreOperations(database: SqliteDatabase, scan: Scan) {
  const table = new RecordTable(database);
  const arena = new NamespaceArena(database, scan);
  const registry = createRegistryOperations(database);
  return {
    reads: {
      ...registry.reads,
      get: ({ namespace, cid, now }: Key): StoredRecord | null => {
        const row = table.get(namespace, cid, now);
        return row ? toRecord(row) : null;
      },
      locate: ({ cid, now }: { readonly cid: string; readonly now: number }): readonly StoredRecord[] =>
        table.locate(cid, now).map(toRecord),
      search: (query: Search): Promise<readonly ScoredRecord[]> => search(table, arena, query),
      list: (query: List): Promise<RecordPage> => list(table, query),
      count: ({ namespace, now }: { readonly namespace?: string; readonly now: number }): number =>
        table.count(namespace, now),
    },
    writes: {
      ...registry.writes,
      put: ({ records }: { readonly records: readonly StoredRecord[] }) => {
        const stored = records.map((record) => ({ cid: record.cid, created: table.insert(record) }));
        table.trimChanges(records.length);
        return stored;
      },
      delete: ({ namespace, cid, now }: Key, context: WriteContext): boolean => {
        const wasAlive = table.get(namespace, cid, now) !== undefined;
        if (table.remove(namespace, cid)) context.eraseLog();
        table.trimChanges(1);
        return wasAlive;
      },
      expire: ({ now }: { readonly now: number }, context: WriteContext): number => {
        const removed = table.expire(now);
        if (removed > 0) context.eraseLog();
        table.trimChanges(removed);
        return removed;
      },
    },
  };
}

export type VectorStoreOperations = ReturnType<typeof createVectorStoreOperations>;

/** Exact for every filter: rows are resolved first, then scored (M-W18). */
async function search(table: RecordTable, arena: NamespaceArena, query: Search): Promise<readonly ScoredRecord[]> {
  const { namespace, vector, limit, filter, now } = query;
  checkLimit(limit, SEARCH_LIMIT);
  checkVector(vector, table.dimension());
  for (let attempt = 1; ; attempt++) {
    const allowed = filter ? await rowsPassing(table, query) : undefined;
    // Expired rows stay in the index until they are removed: ask for so many more.
    const extra = allowed ? 0 : table.countExpired(namespace, now);
    const found = await arena.top(namespace, vector, limit + extra, allowed);
    const hits: ScoredRecord[] = [];
    let gone = 0;
    for (const [place, id] of found.rows.entries()) {
      const row = table.hit(id);
      if (!row) gone += 1;
      else if (row.expires_at === null || row.expires_at > now) {
        hits.push({ cid: row.cid, score: found.scores[place] as number, metadata: row.metadata });
      }
    }
    // Rows deleted while the scan ran leave gaps that other rows should fill.
    if (gone === 0 || hits.length >= limit || attempt === ATTEMPTS) return hits.slice(0, limit);
  }
}

async function rowsPassing(table: RecordTable, { namespace, filter, now }: Search): Promise<readonly number[]> {
  const rows: (readonly number[])[] = [];
  for await (const slice of table.matchingInTurns(namespace, filter, now)) rows.push(slice);
  return rows.flat();
}

async function list(
  table: RecordTable,
  { namespace, limit, after, offset = 0, filter, now }: List,
): Promise<RecordPage> {
  checkLimit(limit, PAGE_LIMIT);
  const ids: number[] = [];
  let skipped = 0;
  for await (const slice of table.matchingInTurns(namespace, filter, now, parseCursor(after))) {
    const skips = Math.min(offset - skipped, slice.length);
    skipped += skips;
    // One more than asked for tells whether there is a next page.
    ids.push(...slice.slice(skips, skips + limit + 1 - ids.length));
    if (ids.length > limit) break;
  }
  const more = ids.length > limit;
  ids.length = Math.min(ids.length, limit);
  const records = ids.flatMap((id) => table.row(id) ?? []).map(toRecord);
  const last = ids.at(-1);
  const cursor = last === undefined ? null : String(last);
  return { records, next: more ? cursor : null, last: cursor };
}

function parseCursor(after: string | undefined): number {
  if (after === undefined) return 0;
  if (/^[0-9]{1,15}$/.test(after)) return Number(after);
  throw new EngramError("CURSOR_INVALID", "this cursor is none of ours", { fix: "start again without a cursor" });
}
