import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import { type JournalNamespace, namespaceOf, RECORD_COLUMNS, type RecordKind, type RecordRow } from "./journal-rows.ts";

export interface NewDelivery {
  readonly record: number;
  readonly hotkey: string;
  readonly cid: string | null;
}

/** A push or a delete that is due at one miner. */
export interface DueDelivery {
  readonly record: number;
  /** Of the memory. */
  readonly id: string;
  readonly kind: RecordKind;
  readonly namespace: JournalNamespace;
  readonly task: "push" | "delete";
  readonly cid: string | null;
  readonly body: string | null;
  /** This one included; above 1 the miner may have it already. */
  readonly attempts: number;
}

export interface DeliveryResult {
  readonly record: number;
  readonly hotkey: string;
  readonly task: "push" | "delete";
  readonly outcome: "done" | "later" | "impossible";
  readonly cid?: string;
  readonly nextAt?: number;
  readonly error?: string;
}

interface DueRow extends RecordRow {
  readonly state: "pending" | "deleting";
  readonly cid: string | null;
  readonly attempts: number;
}

/** A claim that nobody settles (its process was killed) is due again after this. */
const CLAIM_MS = 60_000;

/** What each miner is still to be told, and what it confirmed. */
export function deliveryStatements(database: SqliteDatabase) {
  const add = database.prepare(
    `INSERT OR IGNORE INTO delivery (record, miner_hotkey, state, cid, next_at)
     SELECT id, @hotkey, 'pending', @cid, @now FROM record WHERE id = @record AND body IS NOT NULL`,
  );
  const due = database.prepare<[string, number, number], DueRow>(
    `SELECT d.state, d.cid, d.attempts, ${RECORD_COLUMNS}
     FROM delivery d JOIN record r ON r.id = d.record LEFT JOIN namespace n ON n.id = r.namespace
     WHERE d.miner_hotkey = ? AND d.state IN ('pending', 'deleting') AND d.next_at <= ?
     ORDER BY d.state, d.next_at LIMIT ?`,
  );
  const mark = database.prepare(
    "UPDATE delivery SET attempts = attempts + 1, next_at = ?, last_error = NULL WHERE record = ? AND miner_hotkey = ?",
  );
  const reclaim = database.prepare(
    `UPDATE delivery SET next_at = @now WHERE state IN ('pending', 'deleting') AND attempts > 0
       AND last_error IS NULL AND next_at > @now`,
  );
  // A memory forgotten while its push was under way is `deleting` by now and stays so.
  const pushed = database.prepare(
    `UPDATE delivery SET cid = coalesce(@cid, cid), last_error = NULL,
       state = CASE state WHEN 'pending' THEN 'delivered' ELSE state END
     WHERE record = @record AND miner_hotkey = @hotkey`,
  );
  const deleted = database.prepare(
    `UPDATE delivery SET state = 'deleted', last_error = NULL
     WHERE record = @record AND miner_hotkey = @hotkey AND state = 'deleting'`,
  );
  const postpone = database.prepare(
    `UPDATE delivery SET next_at = @nextAt, last_error = @error
     WHERE record = @record AND miner_hotkey = @hotkey AND state = @state`,
  );
  const giveUp = database.prepare(
    `UPDATE delivery SET state = 'impossible', last_error = @error
     WHERE record = @record AND miner_hotkey = @hotkey AND state = @state`,
  );
  const dueAtAny = database
    .prepare<[number, string], number>(
      `SELECT 1 FROM delivery WHERE state IN ('pending', 'deleting') AND next_at <= ?
         AND miner_hotkey IN (SELECT value FROM json_each(?)) LIMIT 1`,
    )
    .pluck();

  return {
    add: ({ record, hotkey, cid }: NewDelivery, now: number): void => {
      add.run({ record, hotkey, cid, now });
    },
    reclaim: (now: number): number => reclaim.run({ now }).changes,
    claim: (hotkey: string, limit: number, now: number): readonly DueDelivery[] =>
      due.all(hotkey, now, limit).map((row) => {
        mark.run(now + CLAIM_MS, row.record, hotkey);
        return {
          record: row.record,
          id: row.id,
          kind: row.kind,
          namespace: namespaceOf(row),
          task: row.state === "deleting" ? "delete" : "push",
          cid: row.cid,
          body: row.body,
          attempts: row.attempts + 1,
        };
      }),
    settle: ({ record, hotkey, task, outcome, cid, nextAt, error }: DeliveryResult): void => {
      const state = task === "delete" ? "deleting" : "pending";
      const about = { record, hotkey };
      if (outcome === "done" && task === "push") pushed.run({ ...about, cid: cid ?? null });
      else if (outcome === "done") deleted.run(about);
      else if (outcome === "impossible") giveUp.run({ ...about, state, error: error ?? null });
      else postpone.run({ ...about, state, nextAt, error: error ?? null });
    },
    isDue: (hotkeys: readonly string[], now: number): boolean =>
      dueAtAny.get(now, JSON.stringify(hotkeys)) !== undefined,
  };
}
