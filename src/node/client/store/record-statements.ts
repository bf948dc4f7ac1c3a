import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import type { Memory } from "../memory.ts";
import { contentAppender } from "./content.ts";
import {
  DIRECTORY_ROW,
  type JournalNamespace,
  NAMESPACE_COLUMNS,
  type NamespaceRow,
  namespaceOf,
  RECORD_COLUMNS,
  RECORD_TABLES,
  type RecordKind,
  type RecordRow,
} from "./journal-rows.ts";
import { asMemory, type MemoryRow, readContent, SELECT_MEMORY } from "./memory-rows.ts";

/** A record of the journal whose bytes were not made yet, or that was not given to the present miners. */
export interface WaitingRecord {
  readonly record: number;
  readonly kind: RecordKind;
  readonly id: string;
  readonly part: number;
  readonly namespace: JournalNamespace;
  /** The stored bytes; null while they have to be made. */
  readonly body: string | null;
  /** What to make them from. */
  readonly memory?: Memory;
  /** Of a private memory that describes an archived file. */
  readonly archiveKey?: string;
  readonly tombstone?: { readonly cids: readonly string[]; readonly at: number };
  /** Of a directory record: the namespace it describes. */
  readonly described?: JournalNamespace;
}

/** A memory's records as built, in order of their parts. */
export interface BuiltRecords {
  readonly id: string;
  readonly kind: RecordKind;
  readonly bodies: readonly string[];
}

/** Each epoch after the first has a description of its own. */
const DIRECTORY_ID = "n.wire_name || iif(n.epoch = 0, '', '/' || n.epoch)";

function wireNameIn(directoryId: string): string {
  return directoryId.split("/")[0] ?? "";
}

/** The journal's records: what they are made of, and their bytes. */
export function recordStatements(database: SqliteDatabase) {
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
     SELECT ${DIRECTORY_ID}, 0, 'directory', ${DIRECTORY_ROW}, ? FROM namespace n
     WHERE n.visibility = 'private' AND n.owner IS NULL
       AND NOT EXISTS (SELECT 1 FROM record r WHERE r.kind = 'directory' AND r.memory_id = ${DIRECTORY_ID})`,
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
        const about = row.body === null && row.kind === "directory" ? described.get(wireNameIn(row.id)) : undefined;
        const stone = row.body === null && row.kind === "tombstone" ? tombstone.get(row.id) : undefined;
        return {
          record: row.record,
          kind: row.kind,
          id: row.id,
          part: row.part,
          namespace: namespaceOf(row),
          body: row.body,
          ...(content ? { memory: asMemory(content), ...archiveKeyOf(content) } : {}),
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

function archiveKeyOf({ content }: MemoryRow): { readonly archiveKey?: string } {
  const { archiveKey } = readContent(content);
  return archiveKey === undefined ? {} : { archiveKey };
}
