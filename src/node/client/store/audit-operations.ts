import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import { type CopyVerdict, isLost } from "../audits.ts";
import {
  type JournalNamespace,
  namespaceOf,
  RECORD_COLUMNS,
  RECORD_TABLES,
  type RecordKind,
  type RecordRow,
} from "./journal-rows.ts";

/** A record that a miner confirmed to have. */
export interface HeldCopy {
  readonly record: number;
  readonly kind: RecordKind;
  readonly id: string;
  readonly part: number;
  readonly namespace: JournalNamespace;
  readonly hotkey: string;
  readonly cid: string;
  /** The record's stored bytes. */
  readonly body: string;
}

export interface CopyFinding {
  readonly record: number;
  readonly hotkey: string;
  readonly verdict: CopyVerdict;
}

interface CopyRow extends RecordRow {
  readonly hotkey: string;
  readonly cid: string;
}

/** Where a page of copies ended. */
export interface CopyCursor {
  readonly record: number;
  readonly hotkey: string;
}

/** Copies at miners, and when each was last shown to be there. */
export function auditOperations(database: SqliteDatabase) {
  const held = `FROM ${RECORD_TABLES} JOIN delivery d ON d.record = r.id
    LEFT JOIN audit a ON a.record = d.record AND a.miner_hotkey = d.miner_hotkey
    WHERE d.state = 'delivered' AND d.cid IS NOT NULL AND r.body IS NOT NULL`;
  const select = `SELECT ${RECORD_COLUMNS}, d.miner_hotkey AS hotkey, d.cid ${held}`;
  const page = database.prepare<[{ record: number; hotkey: string; names: string | null; limit: number }], CopyRow>(
    `${select} AND (d.record, d.miner_hotkey) > (@record, @hotkey)
      AND (@names IS NULL OR r.memory_id IN (SELECT value FROM json_each(@names))
        OR d.cid IN (SELECT value FROM json_each(@names)))
     ORDER BY d.record, d.miner_hotkey LIMIT @limit`,
  );
  const atMiners = "d.miner_hotkey IN (SELECT value FROM json_each(?))";
  const oldest = database.prepare<[string, number], CopyRow>(
    `${select} AND ${atMiners} ORDER BY coalesce(a.at, 0), random() LIMIT ?`,
  );
  const anywhere = database.prepare<[string, number], CopyRow>(`${select} AND ${atMiners} ORDER BY random() LIMIT ?`);
  const count = database
    .prepare<[string, number], number>(`SELECT count(*) ${held} AND ${atMiners} AND coalesce(a.at, r.created_at) < ?`)
    .pluck();
  const save = database.prepare(
    `INSERT INTO audit (record, miner_hotkey, at, verdict)
     SELECT record, miner_hotkey, @now, @verdict FROM delivery WHERE record = @record AND miner_hotkey = @hotkey
     ON CONFLICT (record, miner_hotkey) DO UPDATE SET at = excluded.at, verdict = excluded.verdict`,
  );
  // As if it had never been sent: the first attempt sends without asking whether it is there.
  const pushAgain = database.prepare(
    `UPDATE delivery SET state = 'pending', attempts = 0, next_at = @now, last_error = NULL
     WHERE record = @record AND miner_hotkey = @hotkey AND state = 'delivered'`,
  );

  return {
    reads: {
      /** Copies of these memories or CIDs, or of all when null, after the cursor. */
      heldCopies: (input: {
        readonly names: readonly string[] | null;
        readonly after: CopyCursor;
        readonly limit: number;
      }): readonly HeldCopy[] => {
        const names = input.names && JSON.stringify(input.names);
        return page.all({ ...input.after, names, limit: input.limit }).map(copyOf);
      },
      /** Those that were looked at longest ago, and as many of any age as `random` says, in no foreseeable choice. */
      copiesToAudit: (input: {
        readonly hotkeys: readonly string[];
        readonly oldest: number;
        readonly random: number;
      }): readonly HeldCopy[] => {
        const hotkeys = JSON.stringify(input.hotkeys);
        const rows = [...oldest.all(hotkeys, input.oldest), ...anywhere.all(hotkeys, input.random)];
        return [...new Map(rows.map((row) => [`${row.record}/${row.hotkey}`, row])).values()].map(copyOf);
      },
      /** Copies at these miners that nobody looked at since `before`. */
      countCopies: (input: { readonly hotkeys: readonly string[]; readonly before: number }): number =>
        count.get(JSON.stringify(input.hotkeys), input.before) ?? 0,
    },
    writes: {
      /** Notes what was found, and journals what was lost to be pushed again; returns how many are. */
      noteFindings: (input: { readonly findings: readonly CopyFinding[]; readonly now: number }): number => {
        let lost = 0;
        for (const { record, hotkey, verdict } of input.findings) {
          if (verdict === "silent") continue;
          save.run({ record, hotkey, verdict, now: input.now });
          if (isLost(verdict)) lost += pushAgain.run({ record, hotkey, now: input.now }).changes;
        }
        return lost;
      },
    },
  };
}

function copyOf(row: CopyRow): HeldCopy {
  const { record, kind, id, part, hotkey, cid, body } = row;
  return { record, kind, id, part, hotkey, cid, body: body ?? "", namespace: namespaceOf(row) };
}
