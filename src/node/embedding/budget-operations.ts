import type { Migrations, SqliteDatabase } from "../runtime/sqlite.ts";

export const budgetMigrations: Migrations = {
  "001-embedding-days": [
    "CREATE TABLE embedding_day (day TEXT PRIMARY KEY, spent INTEGER NOT NULL) STRICT, WITHOUT ROWID",
  ],
};

export interface DayAmount {
  /** UTC, `2026-11-22`. */
  readonly day: string;
  /** Billionths of a dollar. */
  readonly amount: number;
}

export function createBudgetOperations(database: SqliteDatabase) {
  const spent = database.prepare<[string], number>("SELECT spent FROM embedding_day WHERE day = ?").pluck();
  const add = database.prepare<[DayAmount]>(
    `INSERT INTO embedding_day (day, spent) VALUES (@day, @amount)
     ON CONFLICT (day) DO UPDATE SET spent = spent + excluded.spent`,
  );
  const subtract = database.prepare<[DayAmount]>("UPDATE embedding_day SET spent = spent - @amount WHERE day = @day");
  return {
    reads: {
      spent: (day: string): number => spent.get(day) ?? 0,
    },
    writes: {
      /** False, and nothing is spent, where the day's limit does not reach for it. */
      spend: ({ limit, ...amount }: DayAmount & { readonly limit: number }): boolean => {
        if ((spent.get(amount.day) ?? 0) + amount.amount > limit) return false;
        add.run(amount);
        return true;
      },
      giveBack: (amount: DayAmount): void => {
        subtract.run(amount);
      },
    },
  };
}

export type BudgetOperations = ReturnType<typeof createBudgetOperations>;
