import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import { contentAppender } from "./content.ts";

/** A record that miners hold, as the journal of a new home has to know it. */
export interface HeldRecord {
  readonly kind: "memory" | "tombstone" | "directory";
  readonly id: string;
  readonly part: number;
  /** The row of its namespace; 0 is the directory. */
  readonly namespace: number;
  /** Null for what was forgotten: its copies are then deleted. */
  readonly body: string | null;
  readonly copies: readonly { readonly hotkey: string; readonly cid: string }[];
}

export interface RestoredTombstone {
  readonly id: string;
  readonly namespace: number;
  readonly cids: readonly string[];
  readonly at: number;
}

/** Puts a home's journal back from what miners hold. Every step may be repeated after an interruption. */
export function restoreOperations(database: SqliteDatabase) {
  const insertTombstone = database.prepare(
    "INSERT OR IGNORE INTO tombstone (id, namespace, cids, at) VALUES (?, ?, ?, ?)",
  );
  const find = database
    .prepare<[string, string, number], number>("SELECT id FROM record WHERE memory_id = ? AND kind = ? AND part = ?")
    .pluck();
  const insert = database.prepare(
    "INSERT INTO record (memory_id, part, kind, namespace, body, created_at) VALUES (?, ?, ?, ?, ?, ?)",
  );
  const append = contentAppender(database);
  const hasBody = database.prepare<[number], 0 | 1>("SELECT body IS NOT NULL FROM record WHERE id = ?").pluck();
  const fill = database.prepare("UPDATE record SET body = ? WHERE id = ? AND body IS NULL");
  const deliver = database.prepare(
    `INSERT INTO delivery (record, miner_hotkey, state, cid, next_at) VALUES (@record, @hotkey, @state, @cid, @now)
     ON CONFLICT (record, miner_hotkey) DO UPDATE SET state = @state, cid = @cid, last_error = NULL
     WHERE state = 'pending' OR (@state = 'deleting' AND state <> 'deleted')`,
  );
  const supersede = database.prepare(
    `INSERT OR IGNORE INTO superseded (old_id, new_id) SELECT replaces, id FROM memory
     WHERE replaces IS NOT NULL AND replaces NOT IN (SELECT id FROM memory)`,
  );

  return {
    reads: {},
    writes: {
      restoreTombstones: (tombstones: readonly RestoredTombstone[]): void => {
        for (const { id, namespace, cids, at } of tombstones) {
          insertTombstone.run(id, namespace, JSON.stringify(cids), at);
        }
      },
      restoreRecords: ({ records, now }: { readonly records: readonly HeldRecord[]; readonly now: number }): void => {
        for (const { kind, id, part, namespace, body, copies } of records) {
          const known = find.get(id, kind, part);
          const content = body === null || (known && hasBody.get(known)) ? null : append(body);
          const record = known ?? insert.run(id, part, kind, namespace, content, now).lastInsertRowid;
          if (known !== undefined && content !== null) fill.run(content, known);
          const state = body === null ? "deleting" : "delivered";
          for (const { hotkey, cid } of copies) deliver.run({ record, hotkey, cid, state, now });
        }
      },
      /** The old id of a memory that was replaced answers with the new again. */
      restoreSuperseded: (_: null): number => supersede.run().changes,
    },
  };
}
