import Database from "better-sqlite3";
import { Kysely, SqliteDialect } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import pRetry, { AbortError } from "p-retry";
import { EngramError } from "../../crypto/errors.ts";

export type SqliteDatabase = Database.Database;

/** Statements of one schema version, run in a transaction. Keys sort in the order they are applied: `001-init`, … */
export type Migrations = Readonly<Record<string, readonly string[]>>;

/** Numeric values SQLite reports for what every connection must have. */
const REQUIRED = { synchronous: 2, fullfsync: 1, checkpoint_fullfsync: 1, secure_delete: 1, foreign_keys: 1 } as const;

/**
 * Opens a durable database: write-ahead log, every commit fsynced, deleted bytes overwritten. The settings are read
 * back, because better-sqlite3 is compiled with another default (F10). Several processes may open the same file.
 *
 * Errors: `DATA_TOO_NEW` when a newer program wrote the file (nothing is touched then).
 */
export async function openDatabase(path: string, migrations: Migrations): Promise<SqliteDatabase> {
  return pRetry(() => open(path, migrations), {
    retries: 8,
    minTimeout: 20,
    maxTimeout: 500,
    // Two processes creating one file collide in the switch to WAL and in the first migration: the loser tries again.
    shouldRetry: ({ error }) => isBusy(error),
  });
}

async function open(path: string, migrations: Migrations): Promise<SqliteDatabase> {
  const database = new Database(path, { timeout: 5_000 });
  try {
    refuseNewer(database, migrations);
    database.pragma("journal_mode = WAL");
    for (const [name, value] of Object.entries(REQUIRED)) database.pragma(`${name} = ${value}`);
    database.pragma("trusted_schema = OFF");
    for (const [name, value] of Object.entries(REQUIRED)) {
      if (database.pragma(name, { simple: true }) !== value) {
        throw new EngramError("SQLITE_SETTING", `SQLite refused ${name} = ${value}`);
      }
    }
    await migrate(database, migrations);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function refuseNewer(database: SqliteDatabase, migrations: Migrations): void {
  const known = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'kysely_migration'").get();
  if (known === undefined) return;
  const applied = database.prepare<[], string>("SELECT name FROM kysely_migration").pluck().all();
  const unknown = applied.find((name) => !(name in migrations));
  if (unknown === undefined) return;
  throw new EngramError("DATA_TOO_NEW", "this data was written by a newer Engram", {
    fix: "install the newer version again; nothing was changed",
  });
}

async function migrate(database: SqliteDatabase, migrations: Migrations): Promise<void> {
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
  const { error } = await new Migrator({ db: kysely, provider }).migrateToLatest();
  if (error !== undefined) throw isBusy(error) || error instanceof Error ? error : new AbortError(String(error));

  function asMigration(statements: readonly string[]): Migration {
    return {
      up: async () => {
        for (const statement of statements) database.exec(statement);
      },
    };
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith("SQLITE_BUSY");
}

/** Writes the log back and truncates it, so that overwritten (deleted) content is left in neither file. */
export function truncateLog(database: SqliteDatabase): boolean {
  const [row] = database.pragma("wal_checkpoint(TRUNCATE)") as { busy: number }[];
  return row?.busy === 0;
}
