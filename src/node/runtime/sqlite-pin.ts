import Database from "better-sqlite3";

let pinned = false;

/**
 * Loads SQLite's library into this thread, once. A library that only worker threads have loaded is unmapped when the last
 * of them ends; what the engine would still run of it then (finalizers at a thread's end) is a segmentation fault of the
 * whole process (nodejs/node 63540, WiseLibs/better-sqlite3 1476). The main thread lives as long as the process, and so
 * does what it has loaded.
 */
export function pinSqlite(): void {
  if (pinned) return;
  pinned = true;
  // The library is loaded with the first database.
  new Database(":memory:").close();
}
