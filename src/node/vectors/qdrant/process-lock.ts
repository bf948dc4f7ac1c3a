import { openDatabase, type SqliteDatabase } from "../../runtime/sqlite.ts";

/** A lock among processes that ends with its process, however that ends: the write lock of an empty database. */
export class ProcessLock {
  readonly #database: SqliteDatabase;

  private constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  static async open(path: string): Promise<ProcessLock> {
    const database = await openDatabase(path, {});
    database.pragma("busy_timeout = 0");
    return new ProcessLock(database);
  }

  /** Takes the lock when nobody has it; true while it is ours. */
  take(): boolean {
    if (this.#database.inTransaction) return true;
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      return true;
    } catch (error) {
      if (error instanceof Error && "code" in error && String(error.code).startsWith("SQLITE_BUSY")) return false;
      throw error;
    }
  }

  close(): void {
    this.#database.close();
  }
}
