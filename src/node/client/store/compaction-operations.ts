import { eraseLog, type SqliteDatabase } from "../../runtime/sqlite.ts";

/** Fewer erased rows than this are not worth rewriting the file for. */
const WORTHWHILE = 10_000;
const UNDER_WAY = "compaction under way";

/**
 * Gives back the room of erased content. Deleting rows moves others and leaves copies behind (see the schema), so the
 * whole file is written anew right after; a process that is killed in between leaves a note for the next.
 */
export function compactionOperations(database: SqliteDatabase) {
  const erased = database.prepare<[], number>("SELECT count(*) FROM content WHERE erased = 1").pluck();
  const live = database
    .prepare<[], number>("SELECT (SELECT count(*) FROM memory) + (SELECT count(*) FROM vector)")
    .pluck();
  const note = database.prepare<[string], string>("SELECT value FROM kv WHERE key = ?").pluck();
  const takeNote = database.prepare("INSERT OR REPLACE INTO kv (key, value) VALUES (?, 'yes')");
  const dropNote = database.prepare("DELETE FROM kv WHERE key = ?");
  const drop = database.prepare("DELETE FROM content WHERE erased = 1");

  return {
    reads: {
      /** Outside a transaction, as VACUUM must be. True when it was worth it; `force` for tests and `doctor`. */
      compact: ({ force }: { readonly force: boolean }): boolean => {
        const rows = erased.get() ?? 0;
        const begun = note.get(UNDER_WAY) !== undefined;
        if (!begun && !force && (rows < WORTHWHILE || rows < (live.get() ?? 0))) return false;
        takeNote.run(UNDER_WAY);
        drop.run();
        database.exec("VACUUM");
        dropNote.run(UNDER_WAY);
        eraseLog(database);
        return true;
      },
    },
    writes: {},
  };
}
