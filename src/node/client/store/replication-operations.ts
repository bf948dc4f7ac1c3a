import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import type { Memory } from "../memory.ts";
import { contentAppender } from "./content.ts";
import { asMemory, type MemoryRow, SELECT_MEMORY } from "./memory-rows.ts";

/** A record of the journal whose bytes were not made yet, or that was not given to the present miners. */
export interface WaitingRecord {
  readonly record: number;
  readonly kind: "memory" | "tombstone" | "directory";
  readonly id: string;
  readonly part: number;
  readonly namespace: JournalNamespace;
  /** The stored bytes; null while they have to be made. */
  readonly body: string | null;
  /** What to make them from. */
  readonly memory?: Memory;
  readonly tombstone?: { readonly cids: readonly string[]; readonly at: number };
  /** Of a directory record: the namespace it describes. */
  readonly described?: JournalNamespace;
}

/** Row 0 stands for the directory namespace, which no person sees: its names derive from the wallet alone. */
export const DIRECTORY_ROW = 0;

export interface JournalNamespace {
  readonly row: number;
  readonly name: string;
  readonly wireName: string;
  readonly visibility: "private" | "public";
  readonly epoch: number;
  readonly plainName: boolean;
}

/** A memory's records as built, in order of their parts. */
export interface BuiltRecords {
  readonly id: string;
  readonly kind: WaitingRecord["kind"];
  readonly bodies: readonly string[];
}

export interface NewDelivery {
  readonly record: number;
  readonly hotkey: string;
  readonly cid: string | null;
}

/** A push or a delete that is due at one miner. */
export interface DueDelivery {
  readonly record: number;
  readonly kind: WaitingRecord["kind"];
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

/** Copies of memories at the named miners. */
export interface Copies {
  /** Of the record that has the fewest; 0 when there is none. */
  readonly have: number;
  /** False as soon as one of the memories is private. */
  readonly allPublic: boolean;
}

interface NamespaceRow {
  readonly row: number;
  readonly name: string;
  readonly wireName: string;
  readonly visibility: "private" | "public";
  readonly epoch: number;
  readonly plainName: 0 | 1;
}

interface RecordRow extends NamespaceRow {
  readonly record: number;
  readonly kind: WaitingRecord["kind"];
  readonly id: string;
  readonly part: number;
  readonly body: string | null;
}

interface DueRow extends RecordRow {
  readonly state: "pending" | "deleting";
  readonly cid: string | null;
  readonly attempts: number;
}

const NAMESPACE_COLUMNS = `coalesce(n.id, ${DIRECTORY_ROW}) AS row, coalesce(n.name, '') AS name,
  coalesce(n.wire_name, '') AS wireName, coalesce(n.visibility, 'private') AS visibility, coalesce(n.epoch, 0) AS epoch,
  coalesce(n.plain_name, 0) AS plainName`;
const RECORD_COLUMNS = `r.id AS record, r.kind, r.memory_id AS id, r.part, 
  (SELECT CAST(c.bytes AS TEXT) FROM content c WHERE c.id = r.body) AS body, ${NAMESPACE_COLUMNS}`;
const RECORD_TABLES = "record r LEFT JOIN namespace n ON n.id = r.namespace";
/** A claim that nobody settles (its process was killed) is due again after this. */
const CLAIM_MS = 60_000;

/** The journal as the replication workers use it. */
export function replicationOperations(database: SqliteDatabase) {
  const records = recordStatements(database);
  const deliveries = deliveryStatements(database);
  const counts = countStatements(database);
  const setValue = database.prepare("INSERT OR REPLACE INTO kv (key, value) VALUES (?, ?)");

  return {
    reads: {
      waitingRecords: records.waiting,
      /** Whether a pass would find anything: records beyond the cursor, or deliveries due at one of these miners. */
      journalWaits: ({
        after,
        hotkeys,
        now,
      }: {
        readonly after: number;
        readonly hotkeys: readonly string[];
        readonly now: number;
      }) => records.last() > after || deliveries.isDue(hotkeys, now),
      copies: counts.copies,
      impossibleDeletes: counts.impossibleDeletes,
    },
    writes: {
      saveBodies: ({ built, now }: { readonly built: readonly BuiltRecords[]; readonly now: number }): void => {
        for (const one of built) records.saveBodies(one, now);
      },
      /** Gives records to miners and moves the cursor past them, in one step. */
      assign: (input: {
        readonly deliveries: readonly NewDelivery[];
        readonly cursor: { readonly key: string; readonly text: string };
        readonly now: number;
      }): void => {
        for (const one of input.deliveries) deliveries.add(one, input.now);
        setValue.run(input.cursor.key, input.cursor.text);
      },
      /** What a process claimed and left unsettled is due at once: only the holder of the lease may call this. */
      reclaim: ({ now }: { readonly now: number }): number => deliveries.reclaim(now),
      claim: ({ hotkey, limit, now }: { readonly hotkey: string; readonly limit: number; readonly now: number }) =>
        deliveries.claim(hotkey, limit, now),
      settle: ({ results }: { readonly results: readonly DeliveryResult[] }): void => {
        for (const result of results) deliveries.settle(result);
        if (results.some(({ task }) => task === "delete")) records.dropForgotten();
      },
      /** Journals the directory's record of every private namespace that has none yet. */
      describeNamespaces: ({ now }: { readonly now: number }): number => records.describeNamespaces(now),
    },
  };
}

function recordStatements(database: SqliteDatabase) {
  const waiting = database.prepare<[number, number], RecordRow>(
    `SELECT ${RECORD_COLUMNS} FROM ${RECORD_TABLES} WHERE r.id > ? ORDER BY r.id LIMIT ?`,
  );
  const last = database.prepare<[], number | null>("SELECT max(id) FROM record").pluck();
  const memory = database.prepare<[string], MemoryRow>(`${SELECT_MEMORY} WHERE m.id = ?`);
  const tombstone = database.prepare<[string], { cids: string; at: number }>(
    "SELECT cids, at FROM tombstone WHERE id = ?",
  );
  const source = database.prepare<[string, string], { namespace: number; made: number }>(
    `SELECT namespace, count(body) + (SELECT count(*) FROM delivery d WHERE d.record = r.id) AS made
     FROM record r WHERE memory_id = ? AND kind = ? GROUP BY namespace`,
  );
  const dropParts = database.prepare("DELETE FROM record WHERE memory_id = ? AND kind = ? AND part >= ?");
  const append = contentAppender(database);
  const fill = database.prepare("UPDATE record SET body = ? WHERE memory_id = ? AND kind = ? AND part = ?");
  const insert = database.prepare(
    "INSERT INTO record (memory_id, part, kind, namespace, body, created_at) VALUES (?, ?, ?, ?, ?, ?)",
  );
  const described = database.prepare<[string], NamespaceRow>(
    `SELECT ${NAMESPACE_COLUMNS} FROM namespace n WHERE n.wire_name = ?`,
  );
  const describe = database.prepare(
    `INSERT INTO record (memory_id, part, kind, namespace, created_at)
     SELECT n.wire_name, 0, 'directory', ${DIRECTORY_ROW}, ? FROM namespace n WHERE n.visibility = 'private'
       AND NOT EXISTS (SELECT 1 FROM record r WHERE r.kind = 'directory' AND r.memory_id = n.wire_name)`,
  );
  const dropForgotten = database.prepare(
    `DELETE FROM record WHERE kind = 'memory' AND body IS NULL
       AND NOT EXISTS (SELECT 1 FROM memory m WHERE m.id = record.memory_id)
       AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.record = record.id AND d.state IN ('pending', 'deleting'))`,
  );

  return {
    last: (): number => last.get() ?? 0,
    waiting: ({ after, limit }: { readonly after: number; readonly limit: number }): readonly WaitingRecord[] =>
      waiting.all(after, limit).map((row) => {
        const content = row.body === null && row.kind === "memory" ? memory.get(row.id) : undefined;
        const about = row.body === null && row.kind === "directory" ? described.get(row.id) : undefined;
        const stone = row.body === null && row.kind === "tombstone" ? tombstone.get(row.id) : undefined;
        return {
          record: row.record,
          kind: row.kind,
          id: row.id,
          part: row.part,
          namespace: namespaceOf(row),
          body: row.body,
          ...(content ? { memory: asMemory(content) } : {}),
          ...(about ? { described: namespaceOf(about) } : {}),
          ...(stone ? { tombstone: { cids: JSON.parse(stone.cids) as string[], at: stone.at } } : {}),
        };
      }),
    /** Bytes are made once; what was forgotten meanwhile has no rows, or rows that wait for deletes: it gets none. */
    saveBodies: ({ id, kind, bodies }: BuiltRecords, now: number): void => {
      const row = source.get(id, kind);
      if (!row || row.made > 0 || (kind === "memory" && !memory.get(id))) return;
      dropParts.run(id, kind, bodies.length);
      for (const [part, body] of bodies.entries()) {
        const content = append(body);
        if (fill.run(content, id, kind, part).changes === 0) insert.run(id, part, kind, row.namespace, content, now);
      }
    },
    describeNamespaces: (now: number): number => describe.run(now).changes,
    dropForgotten: (): void => {
      dropForgotten.run();
    },
  };
}

function deliveryStatements(database: SqliteDatabase) {
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

function countStatements(database: SqliteDatabase) {
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

function namespaceOf(row: NamespaceRow): JournalNamespace {
  const { name, wireName, visibility, epoch } = row;
  return { row: row.row, name, wireName, visibility, epoch, plainName: row.plainName === 1 };
}
