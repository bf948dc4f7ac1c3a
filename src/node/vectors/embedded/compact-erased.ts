import { eraseLog, type SqliteDatabase } from "../../runtime/sqlite.ts";

/** Erased content of less than this is not worth writing the file anew. */
const WORTH_BYTES = 16 * 2 ** 20;

/**
 * Gives back the room of erased content once it is half of the file. Runs before the store serves: it writes the whole
 * file anew. When it is interrupted, the next start does it again, so that no copies stay that the removal of rows may
 * have left in the pages.
 */
export function compactErased(database: SqliteDatabase, worthBytes = WORTH_BYTES): boolean {
  const erased =
    database.prepare<[], number>("SELECT value FROM setting WHERE name = 'erased_bytes'").pluck().get() ?? 0;
  const pages = Number(database.pragma("page_count", { simple: true }));
  const size = pages * Number(database.pragma("page_size", { simple: true }));
  if (erased < worthBytes || erased * 2 < size) return false;
  try {
    database.exec(COMPACT);
  } catch (error) {
    if (database.inTransaction) database.exec("ROLLBACK");
    // Another process is at work on the file: it, or the next start, will do it.
    if (error instanceof Error && "code" in error && String(error.code).startsWith("SQLITE_BUSY")) return false;
    throw error;
  }
  eraseLog(database);
  return true;
}

const COMPACT = `
  BEGIN IMMEDIATE;
  DELETE FROM record_metadata WHERE record NOT IN (SELECT id FROM record);
  DELETE FROM record_embedding WHERE record NOT IN (SELECT id FROM record);
  COMMIT;
  VACUUM;
  UPDATE setting SET value = 0 WHERE name = 'erased_bytes'`;
