import { setImmediate as turn } from "node:timers/promises";
import { isEngramError } from "../../../crypto/errors.ts";
import type { SqliteDatabase } from "../../runtime/sqlite.ts";
import type { RowScores, ScanClient } from "../scan/scan-client.ts";

/** Vectors read before the worker turns to the writes that wait. */
const LOAD_ROWS = 1_000;
const ATTEMPTS = 3;

interface Change {
  readonly seq: number;
  readonly record: number;
  readonly added: number;
}

/** What the arena needs of the scan. */
export type Scan = Pick<ScanClient, "load" | "append" | "remove" | "top">;

/**
 * The scan's indexes as a cache of the file, one per namespace: filled at the first search, and brought up to date
 * from the change log before every search, whichever process wrote (design: embedded vectors).
 */
export class NamespaceArena {
  readonly #database: SqliteDatabase;
  readonly #scan: Scan;
  readonly #statements: ReturnType<typeof prepare>;
  /** The last change each loaded index has taken in. */
  readonly #seen = new Map<string, number>();
  readonly #loading = new Map<string, Promise<void>>();

  constructor(database: SqliteDatabase, scan: Scan) {
    this.#database = database;
    this.#scan = scan;
    this.#statements = prepare(database);
  }

  /** As `ScanClient.top`, over everything that was committed before the call. */
  async top(namespace: string, query: Float32Array, limit: number, allowed?: readonly number[]): Promise<RowScores> {
    for (let attempt = 1; ; attempt++) {
      try {
        if (!this.#seen.has(namespace)) await this.#load(namespace);
        if (!this.#catchUp(namespace)) continue;
        return await this.#scan.top(namespace, query, limit, allowed);
      } catch (error) {
        const isCacheGone = isEngramError(error, "SCAN_NOT_LOADED") || isEngramError(error, "SCAN_FAILED");
        if (!isCacheGone || attempt === ATTEMPTS) throw error;
        this.#seen.delete(namespace);
      }
    }
  }

  /** Concurrent searches share one load. */
  #load(namespace: string): Promise<void> {
    const loading = this.#loading.get(namespace);
    if (loading !== undefined) return loading;
    const started = this.#fill(namespace).finally(() => this.#loading.delete(namespace));
    this.#loading.set(namespace, started);
    return started;
  }

  /** What is committed while the pages are read is in a later page, or in the log after `head`, or in both. */
  async #fill(namespace: string): Promise<void> {
    const head = this.#statements.head.get() ?? 0;
    let sent = this.#scan.load(namespace, [], new Float32Array(0));
    // Whoever ends here early has another failure to tell.
    sent.catch(() => undefined);
    for (let after = 0; ; await turn()) {
      const page = this.#statements.page.all(namespace, after, LOAD_ROWS);
      const rows = page.map(({ id }) => id);
      // One page is read while the scan takes in the one before, and no third waits in memory.
      await sent;
      if (rows.length > 0) {
        sent = this.#scan.append(namespace, rows, concatenate(page.map(({ embedding }) => embedding)));
        sent.catch(() => undefined);
      }
      if (rows.length < LOAD_ROWS) break;
      after = rows.at(-1) as number;
    }
    await sent;
    this.#seen.set(namespace, head);
  }

  /** Posts what the index lacks, ahead of the search; false when it must be loaded again. */
  #catchUp(namespace: string): boolean {
    const seen = this.#seen.get(namespace);
    if (seen === undefined) return false;
    const { changes, head, tail } = this.#read(namespace, seen);
    if (tail > seen + 1) {
      this.#seen.delete(namespace);
      return false;
    }
    const added = changes.filter((change) => change.added === 1).map(({ record }) => record);
    const removed = changes.filter((change) => change.added === 0).map(({ record }) => record);
    // A row that is gone again by now is not found, and its removal is in the log as well.
    const found = added.flatMap((id) => this.#statements.vector.get(id) ?? []);
    const rows = found.map(({ id }) => id);
    // Failures show in the search behind them, which then loads the index again.
    if (rows.length > 0) {
      this.#scan.append(namespace, rows, concatenate(found.map(({ embedding }) => embedding))).catch(() => undefined);
    }
    if (removed.length > 0) this.#scan.remove(namespace, removed).catch(() => undefined);
    this.#seen.set(namespace, head);
    return true;
  }

  /** One snapshot: the log must not be trimmed between its parts. */
  #read(namespace: string, seen: number): { changes: Change[]; head: number; tail: number } {
    return this.#database.transaction(() => {
      const head = this.#statements.head.get() ?? 0;
      const isCurrent = head === seen;
      return {
        head,
        changes: isCurrent ? [] : this.#statements.changes.all(namespace, seen),
        tail: isCurrent ? 0 : (this.#statements.tail.get() ?? 0),
      };
    })();
  }
}

function prepare(database: SqliteDatabase) {
  return {
    head: database.prepare<[], number | null>("SELECT max(seq) FROM change").pluck(),
    tail: database.prepare<[], number | null>("SELECT min(seq) FROM change").pluck(),
    changes: database.prepare<[string, number], Change>(
      "SELECT seq, record, added FROM change WHERE namespace = ? AND seq > ? ORDER BY seq",
    ),
    page: database.prepare<[string, number, number], { id: number; embedding: Uint8Array }>(
      `SELECT id, vector AS embedding FROM record JOIN record_embedding AS e ON e.record = id
      WHERE namespace = ? AND id > ? ORDER BY id LIMIT ?`,
    ),
    vector: database.prepare<[number], { id: number; embedding: Uint8Array }>(
      `SELECT id, vector AS embedding FROM record JOIN record_embedding AS e ON e.record = id WHERE id = ?`,
    ),
  };
}

function concatenate(parts: readonly Uint8Array[]): Float32Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return new Float32Array(bytes.buffer);
}
