import type { SqliteDatabase } from "../../runtime/sqlite.ts";

export interface JournalCounts {
  readonly pushes: number;
  readonly deletes: number;
  readonly failed: number;
}

export function journalOperations(database: SqliteDatabase) {
  const counts = database.prepare<[], JournalCounts>(
    `SELECT count(*) FILTER (WHERE state = 'pending') AS pushes, count(*) FILTER (WHERE state = 'deleting') AS deletes,
            count(*) FILTER (WHERE state IN ('pending', 'deleting') AND last_error IS NOT NULL) AS failed
     FROM delivery`,
  );
  const get = database.prepare<[string], string>("SELECT value FROM kv WHERE key = ?").pluck();
  const set = database.prepare(
    "INSERT INTO kv (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
  );
  const prune = database.prepare("DELETE FROM change WHERE seq < (SELECT max(seq) FROM change) - ?");

  return {
    reads: {
      journalCounts: (_: null): JournalCounts => counts.get() as JournalCounts,
      readValue: (key: string): string | null => get.get(key) ?? null,
    },
    writes: {
      writeValue: ({ key, value }: { readonly key: string; readonly value: string }): void => {
        set.run(key, value);
      },
      /** Processes that are further behind load anew. */
      pruneChanges: ({ keep }: { readonly keep: number }): number => prune.run(keep).changes,
    },
  };
}
