import Database from "better-sqlite3";
import type { Migrations } from "./sqlite.ts";

/** How the schema of a file compares with what this program knows. */
export interface SchemaVersion {
  /** The newest migration it has; null where it has none. */
  readonly version: string | null;
  /** Migrations it lacks, in their order. */
  readonly pending: readonly string[];
  /** Migrations it has that this program does not know: a newer one wrote it. */
  readonly unknown: readonly string[];
}

/** Reads which migrations the file at `path` has; nothing is changed. Throws what SQLite throws. */
export function schemaVersion(path: string, migrations: Migrations): SchemaVersion {
  // Not read-only: the log of a process that was killed can be read only by who may also write it back.
  const database = new Database(path, { fileMustExist: true });
  try {
    database.pragma("query_only = 1");
    const known = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'kysely_migration'").get();
    const applied =
      known === undefined
        ? []
        : database.prepare<[], string>("SELECT name FROM kysely_migration ORDER BY name").pluck().all();
    return {
      version: applied.at(-1) ?? null,
      pending: Object.keys(migrations)
        .sort()
        .filter((name) => !applied.includes(name)),
      unknown: applied.filter((name) => !Object.hasOwn(migrations, name)),
    };
  } finally {
    database.close();
  }
}

/** Whether another process has the database at `path` open: with a write-ahead log each does so until it closes. */
export function isInUse(path: string): boolean {
  const database = new Database(path, { fileMustExist: true, timeout: 0 });
  try {
    // Without the log's shared index nobody else may be there; asked for before the file is looked at.
    database.pragma("locking_mode = EXCLUSIVE");
    database.prepare("SELECT count(*) FROM sqlite_master").get();
    return false;
  } catch (error) {
    if (error instanceof Database.SqliteError && error.code.startsWith("SQLITE_BUSY")) return true;
    throw error;
  } finally {
    database.close();
  }
}
