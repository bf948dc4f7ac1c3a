import { closeSync, openSync } from "node:fs";
import { open } from "node:fs/promises";
import Database from "better-sqlite3";

const HEADER = "SQLite format 3\0";
const BUSY_TIMEOUT_MS = 5_000;
/** All pages in one step: a copy in several starts again whenever somebody commits in between. */
const ALL_PAGES = 0x7fffffff;

/** Whether the file at `path` says that it is a SQLite database. */
export async function isDatabase(path: string): Promise<boolean> {
  await using file = await open(path, "r");
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER.length), 0, HEADER.length, 0);
  return bytesRead === HEADER.length && buffer.toString("latin1") === HEADER;
}

/**
 * Copies the database at `source` to the new file `target` (mode 0600), while others write: what was committed before
 * the call is in it, and no part of a transaction. The copy needs no files beside it, and is on disk.
 */
export async function copyDatabase(source: string, target: string): Promise<void> {
  closeSync(openSync(target, "wx", 0o600));
  // Not read-only: the log of a process that was killed can be read only by who may also write it back.
  const database = new Database(source, { fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  try {
    database.pragma("query_only = 1");
    await database.backup(target, { progress: () => ALL_PAGES });
  } finally {
    database.close();
  }
  const copy = new Database(target, { fileMustExist: true });
  try {
    copy.pragma("journal_mode = DELETE");
  } finally {
    copy.close();
  }
  await using file = await open(target, "r+");
  await file.sync();
}

/** Reads all of a database that nobody uses: what is wrong with it, or undefined. */
export function damageOf(path: string): string | undefined {
  let database: SqliteFile | undefined;
  try {
    database = new Database(path, { fileMustExist: true, readonly: true });
    const found = String(database.pragma("integrity_check(1)", { simple: true }));
    return found === "ok" ? undefined : found;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    database?.close();
  }
}

type SqliteFile = Database.Database;
