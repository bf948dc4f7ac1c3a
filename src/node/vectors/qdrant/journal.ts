import type { Filter } from "../../protocol/filter.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import type { RecordRow } from "../embedded/record-rows.ts";
import { RecordTable } from "../embedded/record-table.ts";

/** Changes of the journal, in order, as the index is to follow them. */
export interface ChangeBatch {
  /** The last change in this batch. */
  readonly through: number;
  /** Records to add; those that are gone again by now are not among them. */
  readonly added: readonly RecordRow[];
  readonly removed: readonly number[];
}

/** A record's key, without what it says. */
export interface RecordKey {
  readonly id: number;
  readonly namespace: string;
  readonly cid: string;
}

/** The records' file as the index's side reads it. */
export class Journal {
  readonly table: RecordTable;
  readonly #database: SqliteDatabase;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(database: SqliteDatabase) {
    this.#database = database;
    this.table = new RecordTable(database);
    this.#statements = prepare(database);
  }

  /** Runs `read` on one state of the file. */
  snapshot<T>(read: () => T): T {
    return this.#database.transaction(read)();
  }

  /** The last change; 0 before the first. */
  head(): number {
    return this.#statements.head.get() ?? 0;
  }

  /** Whether all changes after `applied` are still known: the log keeps so many. */
  knowsAllAfter(applied: number): boolean {
    const tail = this.#statements.tail.get() ?? Number.POSITIVE_INFINITY;
    return applied === this.head() || (applied < this.head() && tail <= applied + 1);
  }

  /** Changes that an index at `applied` lacks. */
  pending(applied: number): number {
    return this.#statements.pending.get(applied) ?? 0;
  }

  /** Records there were after the change `applied`. Only for an `applied` that `knowsAllAfter`. */
  countAt(applied: number): number {
    return this.snapshot(() => (this.#statements.count.get() ?? 0) - (this.#statements.net.get(applied) ?? 0));
  }

  hasRecords(namespace: string): boolean {
    return this.#statements.any.get(namespace) !== undefined;
  }

  /** Up to `limit` changes after `applied`; null when there are none. */
  changesAfter(applied: number, limit: number): ChangeBatch | null {
    return this.snapshot(() => {
      const changes = this.#statements.changes.all(applied, limit);
      const last = changes.at(-1);
      if (!last) return null;
      return {
        through: last.seq,
        added: this.rows(changes.flatMap(({ added, record }) => (added === 1 ? record : []))),
        removed: changes.flatMap(({ added, record }) => (added === 0 ? record : [])),
      };
    });
  }

  /** Records of the namespace that an index at `applied` may lack. */
  addedAfter(namespace: string, applied: number): number[] {
    return this.#statements.added.all(namespace, applied);
  }

  rows(ids: readonly number[]): RecordRow[] {
    return ids.flatMap((id) => this.table.row(id) ?? []);
  }

  /** Keys in order of id. */
  keysAfter(id: number, limit: number): RecordKey[] {
    return this.#statements.keys.all(id, limit);
  }

  /** Up to `limit` ids after `after` that are alive and pass the filter. */
  matchingAfter(after: number, limit: number, of: { namespace: string; filter?: Filter | undefined; now: number }) {
    const ids: number[] = [];
    for (const id of this.table.matching(of.namespace, of.filter, of.now, after)) {
      ids.push(id);
      if (ids.length === limit) break;
    }
    return ids;
  }
}

function prepare(database: SqliteDatabase) {
  return {
    head: database.prepare<[], number | null>("SELECT seq FROM sqlite_sequence WHERE name = 'change'").pluck(),
    tail: database.prepare<[], number | null>("SELECT min(seq) FROM change").pluck(),
    pending: database.prepare<[number], number>("SELECT count(*) FROM change WHERE seq > ?").pluck(),
    net: database
      .prepare<[number], number | null>("SELECT sum(CASE added WHEN 1 THEN 1 ELSE -1 END) FROM change WHERE seq > ?")
      .pluck(),
    count: database.prepare<[], number>("SELECT count(*) FROM record").pluck(),
    any: database.prepare<[string], number>("SELECT 1 FROM record WHERE namespace = ? LIMIT 1").pluck(),
    changes: database.prepare<[number, number], { seq: number; record: number; added: number }>(
      "SELECT seq, record, added FROM change WHERE seq > ? ORDER BY seq LIMIT ?",
    ),
    added: database
      .prepare<[string, number], number>("SELECT record FROM change WHERE namespace = ? AND seq > ? AND added = 1")
      .pluck(),
    keys: database.prepare<[number, number], RecordKey>(
      "SELECT id, namespace, cid FROM record WHERE id > ? ORDER BY id LIMIT ?",
    ),
  };
}
