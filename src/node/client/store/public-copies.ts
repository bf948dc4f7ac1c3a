import type { SqliteDatabase } from "../../runtime/sqlite.ts";

/** A public memory's record, and a miner that confirmed it under this CID. */
export interface PublicCopy {
  readonly id: string;
  readonly part: number;
  /** The record's stored bytes. */
  readonly body: string;
  readonly hotkey: string;
  readonly cid: string;
}

/** Where public memories lie; private ones have no answer. */
export function publicCopies(database: SqliteDatabase) {
  const select = database.prepare<[string], PublicCopy>(
    `SELECT r.memory_id AS id, r.part, CAST(c.bytes AS TEXT) AS body, d.miner_hotkey AS hotkey, d.cid
     FROM record r JOIN namespace n ON n.id = r.namespace JOIN content c ON c.id = r.body
       JOIN delivery d ON d.record = r.id
     WHERE r.kind = 'memory' AND n.visibility = 'public' AND d.state = 'delivered' AND d.cid IS NOT NULL
       AND r.memory_id IN (SELECT value FROM json_each(?))
     ORDER BY r.memory_id, r.part`,
  );
  return ({ ids }: { readonly ids: readonly string[] }): readonly PublicCopy[] => select.all(JSON.stringify(ids));
}
