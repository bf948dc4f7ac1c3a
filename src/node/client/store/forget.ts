import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import { indexPiece } from "../recall/terms.ts";
import { termNumbers } from "./insert-memory.ts";
import { EMBEDDED_MINER } from "./journal-rows.ts";
import { type MemoryRow, readContent } from "./memory-rows.ts";

interface PieceRow {
  readonly id: number;
  readonly start: number;
  readonly stop: number;
  readonly terms: number;
}

/**
 * Removes everything that was made of a memory's text, in the caller's transaction: content, pieces, vectors, postings
 * and the stored bytes of its records (content is overwritten by the schema's triggers). What stays names it only: a tombstone, and the deletes its holders still owe.
 * Returns how many holders must confirm.
 */
export type Forget = (memory: MemoryRow, now: number) => number;

export function createForget(database: SqliteDatabase): Forget {
  const pieces = database.prepare<[number], PieceRow>("SELECT id, start, stop, terms FROM piece WHERE memory = ?");
  const deletePosting = database.prepare("DELETE FROM posting WHERE namespace = ? AND term = ? AND piece = ?");
  const deletePostings = database.prepare("DELETE FROM posting WHERE namespace = ? AND piece = ?");
  const deleteMemory = database.prepare("DELETE FROM memory WHERE row = ?");
  const deleteSuperseded = database.prepare("DELETE FROM superseded WHERE new_id = ?");
  const change = database.prepare("INSERT INTO change (namespace, memory, kind) VALUES (?, ?, 'deleted')");
  const forgetInJournal = createJournalForget(database);

  return (memory, now) => {
    for (const piece of pieces.all(memory.row)) deletePostingsOf(memory, piece);
    deleteMemory.run(memory.row);
    deleteSuperseded.run(memory.id);
    change.run(memory.namespace, memory.row);
    // What another wallet wrote lies at the miners as its owner wants it.
    return memory.owner === null ? forgetInJournal(memory, now) : 0;
  };

  /** By their keys; a row count that does not agree means an older version made other terms, then by a scan. */
  function deletePostingsOf(memory: MemoryRow, piece: PieceRow): void {
    const { text, speaker } = readContent(memory.content);
    const { terms } = indexPiece({ text: text.slice(piece.start, piece.stop), speaker, at: memory.at });
    let deleted = 0;
    for (const term of termNumbers(terms).keys())
      deleted += deletePosting.run(memory.namespace, term, piece.id).changes;
    if (deleted !== piece.terms) deletePostings.run(memory.namespace, piece.id);
  }
}

function createJournalForget(database: SqliteDatabase): (memory: MemoryRow, now: number) => number {
  const cids = database
    .prepare<[{ id: string }], string>(
      `SELECT cid FROM record WHERE memory_id = @id AND kind = 'memory' AND cid IS NOT NULL
       UNION SELECT d.cid FROM delivery d JOIN record r ON r.id = d.record
         WHERE r.memory_id = @id AND r.kind = 'memory' AND d.cid IS NOT NULL`,
    )
    .pluck();
  const tombstone = database.prepare("INSERT OR REPLACE INTO tombstone (id, namespace, cids, at) VALUES (?, ?, ?, ?)");
  const eraseBodies = database.prepare("UPDATE record SET body = NULL WHERE memory_id = ? AND kind = 'memory'");
  const deliveries = "SELECT id FROM record WHERE memory_id = ? AND kind = 'memory'";
  // Never tried: no miner can hold it.
  const dropUntried = database.prepare(
    `DELETE FROM delivery WHERE state = 'pending' AND attempts = 0 AND record IN (${deliveries})`,
  );
  // One that was tried may hold it even if its answer never came.
  const deleteFromHolders = database.prepare(
    `UPDATE delivery SET state = 'deleting', attempts = 0, next_at = ?, last_error = NULL
     WHERE state IN ('pending', 'delivered') AND record IN (${deliveries})`,
  );
  const dropRecords = database.prepare(
    `DELETE FROM record WHERE memory_id = ? AND kind = 'memory' AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.record = record.id)`,
  );
  const holders = database
    .prepare<[string], number>(
      `SELECT count(DISTINCT miner_hotkey) FROM delivery WHERE state = 'deleting' AND record IN (${deliveries})
         AND miner_hotkey NOT IN (SELECT value FROM kv WHERE key = '${EMBEDDED_MINER}')`,
    )
    .pluck();
  const copies = database
    .prepare<[string], number>(`SELECT count(*) FROM delivery WHERE record IN (${deliveries})`)
    .pluck();
  const journalTombstone = database.prepare(
    "INSERT INTO record (memory_id, part, kind, namespace, created_at) VALUES (?, 0, 'tombstone', ?, ?)",
  );

  return (memory, now) => {
    tombstone.run(memory.id, memory.namespace, JSON.stringify(cids.all({ id: memory.id })), now);
    eraseBodies.run(memory.id);
    dropUntried.run(memory.id);
    deleteFromHolders.run(now, memory.id);
    const owing = holders.get(memory.id) ?? 0;
    // Without a copy elsewhere there is nothing a restore could revive.
    const revivable = (copies.get(memory.id) ?? 0) > 0;
    dropRecords.run(memory.id);
    if (revivable) journalTombstone.run(memory.id, memory.namespace, now);
    return owing;
  };
}
