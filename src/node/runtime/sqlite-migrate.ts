import { Kysely, SqliteDialect } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import type { Migrations, SqliteDatabase } from "./sqlite.ts";

/**
 * Brings the schema up to date. Loaded only when there is something to do: reading the migrator takes longer than
 * opening the file.
 *
 * All of it is one transaction, and the only writer from its start. The migrator alone does neither on SQLite: a kill
 * would leave half a schema behind, and of two processes the second would apply again what the first has applied.
 * Throws `SQLITE_BUSY` at once when another process is migrating; try again.
 */
export async function migrate(database: SqliteDatabase, migrations: Migrations): Promise<void> {
  // The connection outlives the migrator: kysely's own close must not close it.
  const borrowed = new Proxy(database, {
    get: (target, key) => {
      if (key === "close") return () => undefined;
      const value = Reflect.get(target, key, target) as unknown;
      return typeof value === "function" ? (value as (...args: unknown[]) => unknown).bind(target) : value;
    },
  });
  const kysely = new Kysely<unknown>({ dialect: new SqliteDialect({ database: borrowed }) });
  const provider = {
    getMigrations: async () =>
      Object.fromEntries(Object.entries(migrations).map(([name, statements]) => [name, asMigration(statements)])),
  };
  database.exec("BEGIN IMMEDIATE");
  try {
    const { error } = await new Migrator({ db: kysely, provider, disableTransactions: true }).migrateToLatest();
    if (error !== undefined) throw error;
    database.exec("COMMIT");
  } catch (error) {
    if (database.inTransaction) database.exec("ROLLBACK");
    throw error;
  }

  function asMigration(statements: readonly string[]): Migration {
    return {
      up: async () => {
        for (const statement of statements) database.exec(statement);
      },
    };
  }
}
