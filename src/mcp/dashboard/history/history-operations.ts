import type { SqliteDatabase } from "../../../node/runtime/sqlite.ts";

/** What the overview plots: numbers that no book keeps over time. */
export interface Sample {
  /** Unix milliseconds. */
  readonly at: number;
  readonly memories: number;
  /** Of the least replicated memory. */
  readonly copies: number;
  /** Pushes and deletes that are still owed. */
  readonly waiting: number;
  /** Miners that answer. */
  readonly miners: number;
  readonly block: number;
}

/** A week of minutes. */
const KEPT = 10_080;

/** Samples in a database with `historyMigrations`: as many are kept as a week has minutes, however often one comes. */
export function createHistoryOperations(database: SqliteDatabase) {
  const add = database.prepare<[Sample]>(
    `INSERT OR REPLACE INTO sample (at, memories, copies, waiting, miners, block)
     VALUES (@at, @memories, @copies, @waiting, @miners, @block)`,
  );
  const prune = database.prepare(
    `DELETE FROM sample WHERE at <= (SELECT at FROM sample ORDER BY at DESC LIMIT 1 OFFSET ${KEPT})`,
  );
  const last = database.prepare<[], number | null>("SELECT max(at) FROM sample").pluck();
  // The last of each slice: a mean would show memories that never were.
  const between = database.prepare<[{ readonly since: number; readonly every: number }], Sample>(
    `SELECT max(at) AS at, memories, copies, waiting, miners, block FROM sample
     WHERE at >= @since GROUP BY at / CAST(@every AS INTEGER) ORDER BY at`,
  );
  return {
    reads: {
      /** At most `points`, oldest first. */
      samples: (input: {
        readonly since: number;
        readonly until: number;
        readonly points: number;
      }): readonly Sample[] => {
        const { since, until, points } = input;
        return between.all({ since, every: Math.max(1, Math.ceil((until - since) / points)) });
      },
      lastSample: (_: null): number => last.get() ?? 0,
    },
    writes: {
      addSample: (sample: Sample): void => {
        add.run(sample);
        prune.run();
      },
    },
  };
}

export type HistoryOperations = ReturnType<typeof createHistoryOperations>;
