import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import pRetry from "p-retry";
import { EngramError } from "../../crypto/errors.ts";

export type SqliteDatabase = Database.Database;

/** A prepared statement whose parameters are named, as other rooms may pass it on. */
export interface NamedStatement<Row = unknown> {
  get(values: object): Row | undefined;
  all(values: object): Row[];
  run(values: object): { readonly changes: number };
}

/** Statements of one schema version, run in a transaction. Keys sort in the order they are applied: `001-init`, … */
export type Migrations = Readonly<Record<string, readonly string[]>>;

/** What every connection must report, whatever the library was compiled with (F10). */
const REQUIRED = {
  journal_mode: "wal",
  synchronous: 2,
  fullfsync: 1,
  checkpoint_fullfsync: 1,
  secure_delete: 1,
  foreign_keys: 1,
  trusted_schema: 0,
} as const;

/** How long a statement waits for another process before it answers busy. */
const BUSY_TIMEOUT_MS = 5_000;
/** How long erasing the log waits for readers: it blocks the worker, and is tried again anyway. */
const ERASE_TIMEOUT_MS = 1_000;

/**
 * Opens a durable database: write-ahead log, every commit fsynced, deleted bytes overwritten. The settings are read
 * back, because better-sqlite3 is compiled with another default (F10). The file is the owner's alone (mode 0600), and
 * its folder is made when missing. Several processes may open the same file, at once even when it is new.
 *
 * Errors: `DATA_TOO_NEW` when a newer program wrote the file (nothing is touched then); `DATA_UNREADABLE` when the
 * file is no database.
 */
export async function openDatabase(path: string, migrations: Migrations): Promise<SqliteDatabase> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, "a", 0o600));
  return pRetry(() => open(path, migrations), {
    retries: 24,
    minTimeout: 20,
    maxTimeout: 500,
    // Two processes creating one file collide in the switch to WAL and in the first migration: the loser tries again.
    shouldRetry: ({ error }) => isBusy(error),
  });
}

async function open(path: string, migrations: Migrations): Promise<SqliteDatabase> {
  const database = new Database(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    const applied = appliedTo(database);
    refuseNewer(applied, migrations);
    for (const [name, value] of Object.entries(REQUIRED)) database.pragma(`${name} = ${value}`);
    for (const [name, value] of Object.entries(REQUIRED)) {
      if (database.pragma(name, { simple: true }) === value) continue;
      throw new EngramError("SQLITE_SETTING", `SQLite refused ${name} = ${value}`, {
        fix: "keep the data folder on a local disk: network folders cannot hold it safely",
      });
    }
    if (applied.length < Object.keys(migrations).length) {
      const { migrate } = await import("./sqlite-migrate.ts");
      // Waiting for the lock blocks the thread, and the one who has it may be on this very thread.
      database.pragma("busy_timeout = 0");
      await migrate(database, migrations);
      database.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
    }
    // A process that was killed between a delete and its erasure left deleted content in the log.
    truncate(database, 0);
    return database;
  } catch (error) {
    database.close();
    throw isNoDatabase(error) ? unreadable(error) : error;
  }
}

/** Migrations this file has, in the migrator's own table. */
function appliedTo(database: SqliteDatabase): string[] {
  const known = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'kysely_migration'").get();
  return known === undefined ? [] : database.prepare<[], string>("SELECT name FROM kysely_migration").pluck().all();
}

function refuseNewer(applied: readonly string[], migrations: Migrations): void {
  if (applied.every((name) => Object.hasOwn(migrations, name))) return;
  throw new EngramError("DATA_TOO_NEW", "this data was written by a newer Engram", {
    fix: "install the newer version again; nothing was changed",
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function isBusy(error: unknown): boolean {
  return codeOf(error).startsWith("SQLITE_BUSY");
}

function isNoDatabase(error: unknown): boolean {
  return codeOf(error).startsWith("SQLITE_NOTADB") || codeOf(error).startsWith("SQLITE_CORRUPT");
}

function unreadable(cause: unknown): EngramError {
  return new EngramError("DATA_UNREADABLE", "a data file is damaged or no database", {
    fix: "restore the data folder from a backup, or move it away and run engram restore",
    cause,
  });
}

/**
 * Writes the log back and truncates it, so that overwritten (deleted) content is left in neither file. False when
 * another process was reading it: try again later.
 */
export function eraseLog(database: SqliteDatabase): boolean {
  return truncate(database, ERASE_TIMEOUT_MS);
}

function truncate(database: SqliteDatabase, timeoutMs: number): boolean {
  database.pragma(`busy_timeout = ${timeoutMs}`);
  try {
    const [row] = database.pragma("wal_checkpoint(TRUNCATE)") as { busy: number }[];
    return row?.busy === 0;
  } catch (error) {
    if (isBusy(error)) return false;
    throw error;
  } finally {
    database.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
  }
}
