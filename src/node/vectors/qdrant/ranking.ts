import { setImmediate as turn } from "node:timers/promises";
import type { ScoredRecord, VectorStore } from "../../ports.ts";
import { matchesJson } from "../../protocol/filter.ts";
import { type RecordRow, toRecord } from "../embedded/record-rows.ts";
import { FlatIndex } from "../scan/flat-index.ts";
import { TopRows } from "../scan/top-rows.ts";
import type { Journal } from "./journal.ts";

/** Records read before the worker turns to what else waits. */
const PAGE_ROWS = 500;

export type Search = Parameters<VectorStore["search"]>[0];

/**
 * Orders candidates as the embedded store does, from the journal's own rows: who was deleted or has expired, stands in
 * another namespace or does not pass the filter is no hit, whatever the index said. To be run on one state of the file.
 */
export function rankRows(journal: Journal, candidates: readonly number[], query: Search): readonly ScoredRecord[] {
  const { vector, limit } = query;
  const index = new FlatIndex(vector.length);
  for (const row of journal.rows(candidates)) {
    if (isMatch(row, query)) index.add(row.id, toRecord(row).embedding);
  }
  const { rows, scores } = index.top(vector, limit);
  return scored(journal, rows, scores);
}

/** The same over every record of the namespace, without the index: exact always, and as slow as reading them all. */
export async function rankAll(journal: Journal, query: Search): Promise<readonly ScoredRecord[]> {
  const { vector, limit } = query;
  const best = new TopRows(limit);
  for (let after = 0; ; await turn()) {
    const ids = journal.matchingAfter(after, PAGE_ROWS, query);
    const index = new FlatIndex(vector.length);
    for (const row of journal.rows(ids)) index.add(row.id, toRecord(row).embedding);
    const { rows, scores } = index.top(vector, limit);
    rows.forEach((row, place) => {
      best.offer(row, scores[place] as number);
    });
    if (ids.length < PAGE_ROWS) break;
    after = ids.at(-1) as number;
  }
  const { rows, scores } = best.sorted();
  return journal.snapshot(() => scored(journal, rows, scores));
}

function isMatch(row: RecordRow, { namespace, filter, now }: Search): boolean {
  if (row.namespace !== namespace || (row.expires_at !== null && row.expires_at <= now)) return false;
  return filter === undefined || matchesJson(filter, row.metadata);
}

function scored(journal: Journal, rows: Float64Array, scores: Float32Array): readonly ScoredRecord[] {
  return Array.from(rows).flatMap((id, place) => {
    const row = journal.table.row(id);
    return row ? { cid: row.cid, score: scores[place] as number, metadata: row.metadata } : [];
  });
}
