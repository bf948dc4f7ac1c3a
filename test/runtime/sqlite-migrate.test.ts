import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openDatabase } from "../../src/node/runtime/sqlite.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "engram-migrate-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function tables(path: string): unknown[] {
  const database = new Database(path, { readonly: true });
  const sql =
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'kysely%' AND name NOT LIKE 'sqlite%'";
  const names = database.prepare(sql).pluck().all();
  database.close();
  return names;
}

test("a version that fails half-way leaves nothing of itself, and the next open succeeds", async () => {
  const path = join(folder, "data.db");
  const first = "CREATE TABLE first (x INTEGER) STRICT";
  await expect(openDatabase(path, { "001-a": [first, "CREATE TABLE nonsense ("] })).rejects.toThrow();
  expect(tables(path)).toEqual([]);
  const database = await openDatabase(path, { "001-a": [first], "002-b": ["CREATE TABLE second (x INTEGER) STRICT"] });
  database.close();
  expect(tables(path)).toEqual(["first", "second"]);
});

/** Opens the same new file in three threads at once; what each says of it. */
async function race(path: string): Promise<unknown[]> {
  const start = new SharedArrayBuffer(4);
  const url = new URL("migrating-worker.ts", import.meta.url);
  const workers = Array.from({ length: 3 }, () => new Worker(url, { workerData: { path, start } }));
  await Promise.all(workers.map((worker) => once(worker, "message")));
  const outcomes = workers.map((worker) => once(worker, "message"));
  Atomics.store(new Int32Array(start), 0, 1);
  Atomics.notify(new Int32Array(start), 0);
  return (await Promise.all(outcomes)).flat();
}

test("of openers that race for a new file one applies the schema and all get it", async () => {
  for (let round = 0; round < 5; round++) {
    const path = join(folder, `data-${round}.db`);
    expect(await race(path)).toEqual(["opened", "opened", "opened"]);
    expect(tables(path)).toHaveLength(20);
  }
});
