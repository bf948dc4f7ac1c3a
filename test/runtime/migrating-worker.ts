import { parentPort, workerData } from "node:worker_threads";
import { openDatabase } from "../../src/node/runtime/sqlite.ts";
// Loaded before the start, so that all openers look at the file at the same moment.
import "../../src/node/runtime/sqlite-migrate.ts";

const { path, start } = workerData as { readonly path: string; readonly start: SharedArrayBuffer };
const migrations = { "001-a": Array.from({ length: 20 }, (_, i) => `CREATE TABLE t${i} (x INTEGER) STRICT`) };
parentPort?.postMessage("waiting");
Atomics.wait(new Int32Array(start), 0, 0);
const outcome = await openDatabase(path, migrations).then(
  (database) => database.close() && "opened",
  (error: unknown) => String(error),
);
parentPort?.postMessage(outcome);
