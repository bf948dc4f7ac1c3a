import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";

/**
 * Holds the file at `path` for this process alone, until disposed; `null` when another process holds it. The lock is
 * the operating system's and ends with its process, however that ends: unlike a file with a process id it cannot lie.
 */
export function lockFile(path: string): Disposable | null {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const database = new Database(path, { timeout: 0 });
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (error instanceof Database.SqliteError && error.code.startsWith("SQLITE_BUSY")) return null;
    throw error;
  }
  return { [Symbol.dispose]: () => void database.close() };
}
