import { workerData } from "node:worker_threads";
import { EngramError } from "../../src/crypto/errors.ts";
import { type Migrations, openDatabase } from "../../src/node/runtime/sqlite.ts";
import { runStoreWorker, type WriteContext } from "../../src/node/runtime/store-host.ts";

export const exampleMigrations: Migrations = {
  "001-notes": ["CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT"],
};

/** A small store that counts its commits and can be made to fail in every way. */
async function setup() {
  const { path } = workerData as { readonly path: string };
  const database = await openDatabase(path, exampleMigrations);
  let commits = 0;
  const effects: string[] = [];
  const prepare = database.prepare.bind(database);
  Object.assign(database, {
    prepare: (sql: string) => {
      const statement = prepare(sql);
      if (sql !== "COMMIT") return statement;
      const run = () => {
        commits += 1;
        return statement.run();
      };
      return { run };
    },
  });
  const insert = database.prepare<[string]>("INSERT INTO note (text) VALUES (?)");
  const remove = database.prepare<[string]>("DELETE FROM note WHERE text = ?");
  const all = database.prepare<[], string>("SELECT text FROM note ORDER BY id").pluck();
  const operations = {
    reads: {
      all: (_: null): string[] => all.all(),
      commits: (_: null): number => commits,
      effects: (_: null): string[] => effects,
      pragma: (name: string): unknown => database.pragma(name, { simple: true }),
      later: (value: string): Promise<string> => new Promise((done) => setImmediate(() => done(value))),
      exit: (_: null): never => process.exit(3),
    },
    writes: {
      add: (text: string, context: WriteContext): number => {
        const { lastInsertRowid } = insert.run(text);
        context.onCommit(() => effects.push(text));
        return Number(lastInsertRowid);
      },
      addThenFail: (text: string, context: WriteContext): never => {
        insert.run(text);
        context.onCommit(() => effects.push(text));
        throw new EngramError("EXAMPLE", "this write fails", { fix: "do not call it", retryAfterMs: 5 });
      },
      addThenLoseCache: (text: string, context: WriteContext): void => {
        insert.run(text);
        context.onCommit(() => {
          throw new Error("the cache is lost");
        });
      },
      remove: (text: string, context: WriteContext): void => {
        remove.run(text);
        context.eraseLog();
      },
      fill: (pages: number): void => {
        database.pragma(`max_page_count = ${pages}`);
      },
    },
  };
  return { database, operations };
}

export type ExampleOperations = Awaited<ReturnType<typeof setup>>["operations"];

await runStoreWorker(setup);
