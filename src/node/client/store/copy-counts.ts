import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import { EMBEDDED_MINER } from "./journal-rows.ts";

/** Copies of memories at the named miners. */
export interface Copies {
  /** Of the record that has the fewest; 0 when there is none. */
  readonly have: number;
  /** False as soon as one of the memories is private. */
  readonly allPublic: boolean;
}

/** Counts replicas and what cannot be deleted. */
export function countStatements(database: SqliteDatabase) {
  const copiesOf = `(SELECT count(*) FROM delivery d WHERE d.record = r.id AND d.state = 'delivered'
    AND d.miner_hotkey IN (SELECT value FROM json_each(@hotkeys)))`;
  const select = `SELECT min(${copiesOf}) AS have, min(n.visibility = 'public') AS allPublic
    FROM record r JOIN namespace n ON n.id = r.namespace
    WHERE r.kind = 'memory' AND EXISTS (SELECT 1 FROM memory m WHERE m.id = r.memory_id)`;
  type Row = { readonly have: number | null; readonly allPublic: 0 | 1 | null };
  const all = database.prepare<[{ hotkeys: string }], Row>(select);
  const some = database.prepare<[{ hotkeys: string; ids: string }], Row>(
    `${select} AND r.memory_id IN (SELECT value FROM json_each(@ids))`,
  );
  const impossible = database
    .prepare<[string, string], number>(
      `SELECT count(DISTINCT d.miner_hotkey) FROM delivery d JOIN record r ON r.id = d.record
       WHERE r.kind = 'memory' AND r.memory_id IN (SELECT value FROM json_each(?))
         AND d.miner_hotkey NOT IN (SELECT value FROM kv WHERE key = '${EMBEDDED_MINER}')
         AND (d.state = 'impossible' OR (d.state = 'deleting'
           AND d.miner_hotkey NOT IN (SELECT value FROM json_each(?))))`,
    )
    .pluck();

  return {
    copies: (input: { readonly hotkeys: readonly string[]; readonly ids?: readonly string[] }): Copies => {
      const hotkeys = JSON.stringify(input.hotkeys);
      const row = input.ids ? some.get({ hotkeys, ids: JSON.stringify(input.ids) }) : all.get({ hotkeys });
      return { have: row?.have ?? 0, allPublic: row?.allPublic === 1 };
    },
    /** Holders of these memories that refuse to delete them, or that are no miners we know any more. */
    impossibleDeletes: (input: { readonly ids: readonly string[]; readonly deleters: readonly string[] }): number =>
      impossible.get(JSON.stringify(input.ids), JSON.stringify(input.deleters)) ?? 0,
  };
}
