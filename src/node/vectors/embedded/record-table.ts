import { setImmediate as turn } from "node:timers/promises";
import { EngramError } from "../../../crypto/errors.ts";
import type { StoredRecord } from "../../ports.ts";
import type { Filter } from "../../protocol/filter.ts";
import { matchesJson, requiredText } from "../../protocol/filter-match.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import { CHANGES_KEPT } from "./embedded-schema.ts";
import { checkRecord, type RecordHit, type RecordRow, toBytes } from "./record-rows.ts";

const FIRST_SLICE_ROWS = 128;
/** Writes between two looks at what the log of changes may forget: a look costs as much as a write. */
const TRIM_EVERY = 256;
/** A few ms of work, also with a filter. */
const SLICE_ROWS = 1_024;

/** The record table: every statement that reads or writes it. `now` decides what has expired. */
export class RecordTable {
  readonly #statements: ReturnType<typeof prepare>;
  #untrimmed = 0;

  constructor(database: SqliteDatabase) {
    this.#statements = prepare(database);
  }

  /** Numbers in a vector of this file; undefined until the first record. */
  dimension(): number | undefined {
    return this.#statements.dimension.get();
  }

  /** False when the record was there. One that has expired gives way to the new. */
  insert(record: StoredRecord): boolean {
    const dimension = this.dimension();
    checkRecord(record, dimension);
    if (dimension === undefined) this.#statements.setDimension.run(record.embedding.length);
    const id = this.#insertRow(record) ?? this.#replaceExpired(record);
    if (id === undefined) return false;
    this.#statements.insertMetadata.run(id, record.metadata);
    this.#statements.insertEmbedding.run(id, toBytes(record.embedding));
    return true;
  }

  #insertRow({ namespace, cid, ingestedBy, createdAt, expiresAt }: StoredRecord): number | undefined {
    const { changes, lastInsertRowid } = this.#statements.insert.run(namespace, cid, ingestedBy, createdAt, expiresAt);
    return changes === 0 ? undefined : Number(lastInsertRowid);
  }

  #replaceExpired(record: StoredRecord): number | undefined {
    const { changes } = this.#statements.dropExpired.run(record.cid, record.namespace, record.createdAt);
    return changes === 0 ? undefined : this.#insertRow(record);
  }

  get(namespace: string, cid: string, now: number): RecordRow | undefined {
    return this.#statements.get.get(cid, namespace, now);
  }

  locate(cid: string, now: number): RecordRow[] {
    return this.#statements.locate.all(cid, now);
  }

  row(id: number): RecordRow | undefined {
    return this.#statements.row.get(id);
  }

  /** What an answer shows of a record: without its vector, which is most of its bytes. */
  hit(id: number): RecordHit | undefined {
    return this.#statements.hit.get(id);
  }

  /** Rows after `after`, up to `until`, that are alive and pass the filter, in order, without their embeddings. */
  *matching(
    namespace: string,
    filter: Filter | undefined,
    now: number,
    after = 0,
    until = Number.MAX_SAFE_INTEGER,
  ): Generator<number> {
    if (!filter) return yield* this.#statements.ids.iterate(namespace, after, until, now);
    const text = requiredText(filter);
    const candidates =
      text === undefined
        ? this.#statements.metadata.iterate(namespace, after, until, now)
        : this.#statements.metadataWith.iterate(namespace, after, until, now, text);
    for (const { id, metadata } of candidates) {
      if (matchesJson(filter, metadata)) yield id;
    }
  }

  /**
   * As `matching`, in slices between which writes and other reads get their turn: a filter may look at every row there is,
   * and anybody may send one (M-W21).
   */
  async *matchingInTurns(
    namespace: string,
    filter: Filter | undefined,
    now: number,
    after = 0,
  ): AsyncGenerator<readonly number[]> {
    let from = after;
    for (let size = FIRST_SLICE_ROWS; ; size = Math.min(size * 2, SLICE_ROWS), await turn()) {
      const slice = this.#statements.slice.all(namespace, from, now, size);
      const last = slice.at(-1);
      if (last === undefined) return;
      yield filter ? [...this.matching(namespace, filter, now, from, last)] : slice;
      if (slice.length < size) return;
      from = last;
    }
  }

  countExpired(namespace: string, now: number): number {
    return this.#statements.countExpired.get(namespace, now) ?? 0;
  }

  count(namespace: string | undefined, now: number): number {
    const { countAll, countOf } = this.#statements;
    return (namespace === undefined ? countAll.get(now) : countOf.get(namespace, now)) ?? 0;
  }

  remove(namespace: string, cid: string): boolean {
    return this.#statements.remove.run(cid, namespace).changes === 1;
  }

  expire(now: number): number {
    return this.#statements.expire.run(now).changes;
  }

  /** After so many writes: forgets changes nobody needs; who has missed one of them loads again. */
  trimChanges(writes: number): void {
    this.#untrimmed += writes;
    if (this.#untrimmed < TRIM_EVERY) return;
    this.#untrimmed = 0;
    this.#statements.trim.run(CHANGES_KEPT);
  }
}

const WHOLE = `SELECT record.*, json AS metadata, vector AS embedding FROM record
  JOIN record_metadata AS m ON m.record = id JOIN record_embedding AS e ON e.record = id`;
const ALIVE = "(expires_at IS NULL OR expires_at > ?)";

function prepare(database: SqliteDatabase) {
  return {
    dimension: database.prepare<[], number>("SELECT value FROM setting WHERE name = 'dimension'").pluck(),
    setDimension: database.prepare<[number]>("INSERT INTO setting (name, value) VALUES ('dimension', ?)"),
    dropExpired: database.prepare<[string, string, number]>(
      "DELETE FROM record WHERE cid = ? AND namespace = ? AND expires_at <= ?",
    ),
    insert: database.prepare<[string, string, string | null, number, number | null]>(
      `INSERT INTO record (namespace, cid, ingested_by, created_at, expires_at)
      VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    ),
    insertMetadata: database.prepare<[number, string]>("INSERT INTO record_metadata (record, json) VALUES (?, ?)"),
    insertEmbedding: database.prepare<[number, Uint8Array]>(
      "INSERT INTO record_embedding (record, vector) VALUES (?, ?)",
    ),
    get: database.prepare<[string, string, number], RecordRow>(`${WHOLE} WHERE cid = ? AND namespace = ? AND ${ALIVE}`),
    locate: database.prepare<[string, number], RecordRow>(`${WHOLE} WHERE cid = ? AND ${ALIVE} ORDER BY id`),
    row: database.prepare<[number], RecordRow>(`${WHOLE} WHERE id = ?`),
    hit: database.prepare<[number], RecordHit>(
      "SELECT cid, expires_at, json AS metadata FROM record JOIN record_metadata AS m ON m.record = id WHERE id = ?",
    ),
    ids: database
      .prepare<[string, number, number, number], number>(
        `SELECT id FROM record WHERE namespace = ? AND id > ? AND id <= ? AND ${ALIVE} ORDER BY id`,
      )
      .pluck(),
    slice: database
      .prepare<[string, number, number, number], number>(
        `SELECT id FROM record WHERE namespace = ? AND id > ? AND ${ALIVE} ORDER BY id LIMIT ?`,
      )
      .pluck(),
    metadata: database.prepare<[string, number, number, number], { id: number; metadata: string }>(
      `SELECT id, json AS metadata FROM record JOIN record_metadata AS m ON m.record = id WHERE namespace = ? AND id > ? AND id <= ? AND ${ALIVE} ORDER BY id`,
    ),
    metadataWith: database.prepare<[string, number, number, number, string], { id: number; metadata: string }>(
      `SELECT id, json AS metadata FROM record JOIN record_metadata AS m ON m.record = id WHERE namespace = ? AND id > ? AND id <= ? AND ${ALIVE}
      AND (instr(json, ?) > 0 OR instr(json, '\\') > 0) ORDER BY id`,
    ),
    countExpired: database
      .prepare<[string, number], number>("SELECT count(*) FROM record WHERE namespace = ? AND expires_at <= ?")
      .pluck(),
    // Anybody may ask: counting a whole table needs no look at its rows.
    countAll: database
      .prepare<[number], number>(
        "SELECT (SELECT count(*) FROM record) - (SELECT count(*) FROM record WHERE expires_at <= ?)",
      )
      .pluck(),
    countOf: database
      .prepare<[string, number], number>(`SELECT count(*) FROM record WHERE namespace = ? AND ${ALIVE}`)
      .pluck(),
    remove: database.prepare<[string, string]>("DELETE FROM record WHERE cid = ? AND namespace = ?"),
    expire: database.prepare<[number]>("DELETE FROM record WHERE expires_at <= ?"),
    trim: database.prepare<[number]>("DELETE FROM change WHERE seq <= (SELECT max(seq) FROM change) - ?"),
  };
}

/** Errors: `LIMIT_INVALID`. */
export function checkLimit(limit: number, most: number): void {
  if (Number.isInteger(limit) && limit >= 1 && limit <= most) return;
  throw new EngramError("LIMIT_INVALID", "the limit is out of range", { fix: `send a limit from 1 to ${most}` });
}
