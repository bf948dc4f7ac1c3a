import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openDatabase } from "../../src/node/runtime/sqlite.ts";
import { StoreWorker } from "../../src/node/runtime/store-worker.ts";
import type { ExampleOperations } from "./example-store-worker.ts";

let folder: string;
let path: string;
const opened: AsyncDisposable[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "engram-store-"));
  path = join(folder, "data", "notes.db");
});
afterEach(async () => {
  for (const store of opened.splice(0)) await store[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

function open(): StoreWorker<ExampleOperations> {
  const url = new URL("./example-store-worker.ts", import.meta.url);
  const store = new StoreWorker<ExampleOperations>({ url, workerData: { path } });
  opened.push(store);
  return store;
}

/** Another process's connection, with the library's own settings. */
function connect(): Database.Database {
  const database = new Database(path);
  opened.push({ [Symbol.asyncDispose]: async () => void database.close() });
  return database;
}

async function folderHolds(text: string): Promise<boolean> {
  const files = await readdir(join(folder, "data"));
  const contents = await Promise.all(files.map((file) => readFile(join(folder, "data", file))));
  return contents.some((bytes) => bytes.includes(text));
}

const exampleNotes = { "001-notes": ["CREATE TABLE note (text TEXT)"] };

describe("writes", () => {
  test("that wait together are committed together, each acknowledged with its own result", async () => {
    const store = open();
    await store.call("add", "first");
    const before = await store.call("commits", null);
    const ids = await Promise.all(Array.from({ length: 200 }, (_, i) => store.call("add", `note ${i}`)));
    expect(ids).toEqual(Array.from({ length: 200 }, (_, i) => i + 2));
    const commits = (await store.call("commits", null)) - before;
    expect(commits).toBeGreaterThan(0);
    expect(commits).toBeLessThan(50);
  });

  test("one after another are committed one by one", async () => {
    const store = open();
    for (const text of ["a", "b", "c"]) await store.call("add", text);
    expect(await store.call("commits", null)).toBe(3);
  });

  test("that throw are rolled back alone and run no effect", async () => {
    const store = open();
    const results = await Promise.allSettled([
      store.call("add", "before"),
      store.call("addThenFail", "never"),
      store.call("add", "before"),
      store.call("add", "after"),
    ]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected", "fulfilled"]);
    expect(results[1]).toMatchObject({ reason: { code: "EXAMPLE", fix: "do not call it", retryAfterMs: 5 } });
    expect(results[2]).toMatchObject({ reason: { code: "SQLITE_CONSTRAINT_UNIQUE" } });
    expect(await store.call("all", null)).toEqual(["before", "after"]);
    expect(await store.call("effects", null)).toEqual(["before", "after"]);
  });

  test("are refused with a full disk; what is stored stays readable, and space heals it", async () => {
    const store = open();
    await store.call("add", "kept");
    await store.call("fill", 1);
    await expect(store.call("add", "x".repeat(100_000))).rejects.toMatchObject({ code: "STORE_FULL" });
    expect(await store.call("all", null)).toEqual(["kept"]);
    await store.call("fill", 100_000);
    await store.call("add", "later");
    expect(await store.call("all", null)).toEqual(["kept", "later"]);
  });

  test("are refused while another process holds the file, and pass once it lets go", async () => {
    const store = open();
    await store.call("add", "one");
    await store.call("pragma", "busy_timeout = 50");
    const other = connect();
    other.exec("BEGIN IMMEDIATE");
    await expect(store.call("add", "two")).rejects.toMatchObject({ code: "STORE_BUSY", retryAfterMs: 1_000 });
    other.exec("ROLLBACK");
    await store.call("add", "two");
    expect(await store.call("all", null)).toEqual(["one", "two"]);
  });

  test("see the reads between them in order", async () => {
    const store = open();
    const [, first, , second] = await Promise.all([
      store.call("add", "a"),
      store.call("all", null),
      store.call("add", "b"),
      store.call("all", null),
    ]);
    expect([first, second]).toEqual([["a"], ["a", "b"]]);
  });
});

describe("the worker", () => {
  test("that dies rejects what is pending, and the next call opens the file again", async () => {
    const store = open();
    await store.call("add", "kept");
    const results = await Promise.allSettled([
      store.call("later", "x"),
      store.call("exit", null),
      store.call("all", null),
    ]);
    expect(results.filter(({ status }) => status === "rejected").length).toBeGreaterThan(0);
    expect(results[1]).toMatchObject({ reason: { code: "STORE_FAILED" } });
    expect(await store.call("all", null)).toEqual(["kept"]);
  });

  test("whose cache is lost acknowledges what is on disk and starts again", async () => {
    const store = open();
    await store.call("addThenLoseCache", "stored");
    await expect.poll(() => store.call("all", null).catch(() => null)).toEqual(["stored"]);
    expect(await store.call("effects", null)).toEqual([]);
  });

  test("finishes what it was asked before it closes, and takes nothing after", async () => {
    const store = open();
    const asked = [
      ...Array.from({ length: 50 }, (_, i) => store.call("add", `note ${i}`)),
      store.call("later", "answered"),
    ];
    await Promise.all([store[Symbol.asyncDispose](), store[Symbol.asyncDispose]()]);
    expect((await Promise.all(asked)).at(-1)).toBe("answered");
    await expect(store.call("all", null)).rejects.toMatchObject({ code: "STORE_CLOSED" });
    expect(await open().call("all", null)).toHaveLength(50);
  });

  test("refuses an operation it does not know and a value that cannot be posted, and goes on", async () => {
    const store = open();
    await expect(store.call("unknown" as "all", null)).rejects.toMatchObject({ code: "STORE_OPERATION" });
    const asked = ["before", (() => "code") as unknown as string, "after"].map((text) => store.call("add", text));
    expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual([
      "fulfilled",
      "rejected",
      "fulfilled",
    ]);
    expect(await store.call("all", null)).toEqual(["before", "after"]);
  });

  test("that was never called is closed without being started", async () => {
    await open()[Symbol.asyncDispose]();
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("the file", () => {
  test("has every setting on every connection, where the library's default is weaker", async () => {
    const expected = { journal_mode: "wal", synchronous: 2, fullfsync: 1, checkpoint_fullfsync: 1, secure_delete: 1 };
    for (const store of [open(), open()]) {
      for (const [name, value] of Object.entries(expected))
        expect([name, await store.call("pragma", name)]).toEqual([name, value]);
      expect(await store.call("pragma", "foreign_keys")).toBe(1);
      expect(await store.call("pragma", "trusted_schema")).toBe(0);
      expect(await store.call("pragma", "busy_timeout")).toBe(5_000);
    }
    const bare = connect();
    expect(bare.pragma("synchronous", { simple: true })).toBe(1);
    expect(bare.pragma("fullfsync", { simple: true })).toBe(0);
  });

  test("is readable by its owner alone, in a folder of its own", async () => {
    await open().call("add", "x");
    const modes = await Promise.all(
      [path, `${path}-wal`, join(folder, "data")].map(async (file) => (await stat(file)).mode & 0o777),
    );
    expect(modes).toEqual([0o600, 0o600, 0o700]);
  });

  test("of a newer program is refused untouched, and opened once the program fits", async () => {
    const database = await openDatabase(path, {
      "001-notes": ["CREATE TABLE a (b)"],
      "999-future": ["CREATE TABLE c (d)"],
    });
    database.close();
    const before = await readFile(path);
    const store = open();
    await expect(store.call("all", null)).rejects.toMatchObject({ code: "DATA_TOO_NEW", fix: expect.any(String) });
    expect((await readFile(path)).equals(before)).toBe(true);
    await rm(path);
    expect(await store.call("all", null)).toEqual([]);
  });

  test("that is no database is refused with what to do", async () => {
    await (await openDatabase(path, {})).close();
    await writeFile(path, "this is not a database, but it is long enough to be one".repeat(50));
    await expect(open().call("all", null)).rejects.toMatchObject({ code: "DATA_UNREADABLE" });
  });

  test("when new can be opened several times at once by one process", async () => {
    const databases = await Promise.all(Array.from({ length: 4 }, () => openDatabase(path, exampleNotes)));
    for (const [i, database] of databases.entries()) database.prepare("INSERT INTO note VALUES (?)").run(`note ${i}`);
    expect(databases[0]?.prepare("SELECT count(*) FROM note").pluck().get()).toBe(4);
    expect(databases.map((database) => database.pragma("busy_timeout", { simple: true }))).toEqual(
      Array(4).fill(5_000),
    );
    for (const database of databases) database.close();
  });

  test("gets all of a schema or nothing, so that a failed opening can be repeated", async () => {
    const broken = { ...exampleNotes, "002-more": ["CREATE TABLE more (x)", "CREATE TABLE more (x)"] };
    await expect(openDatabase(path, broken)).rejects.toThrow(/already exists/);
    const bare = connect();
    expect(bare.prepare("SELECT name FROM sqlite_master").all()).toEqual([]);
    const mended = await openDatabase(path, { ...exampleNotes, "002-more": ["CREATE TABLE more (x)"] });
    expect(mended.prepare("SELECT count(*) FROM more").pluck().get()).toBe(0);
    mended.close();
  });

  test("when new can be opened by several processes at once, none of which is kept alive by it", async () => {
    const script = new URL("./open-once.ts", import.meta.url).pathname;
    const run = promisify(execFile);
    const runs = Array.from({ length: 4 }, (_, i) => run(process.execPath, [script, path, `process ${i}`]));
    const seen = (await Promise.all(runs)).map(({ stdout }) => JSON.parse(stdout) as string[]);
    for (const [i, notes] of seen.entries()) expect(notes).toContain(`process ${i}`);
    expect((await open().call("all", null)).sort()).toEqual(["process 0", "process 1", "process 2", "process 3"]);
  });
});

describe("what is erased", () => {
  const secret = "the quick brown fox 4711";

  test("is in no file when the write is acknowledged, even with another process connected", async () => {
    const [store, other] = [open(), open()];
    await store.call("add", secret);
    await other.call("add", "unrelated");
    expect(await folderHolds(secret)).toBe(true);
    await store.call("remove", secret);
    expect(await folderHolds(secret)).toBe(false);
  });

  test("leaves the log as soon as the last reader of it is done", async () => {
    const store = open();
    await store.call("add", secret);
    const reader = connect();
    reader.exec("BEGIN; SELECT * FROM note");
    expect(reader.prepare("SELECT count(*) FROM note").pluck().get()).toBe(1);
    await store.call("remove", secret);
    expect(await folderHolds(secret)).toBe(true);
    reader.exec("COMMIT");
    await expect.poll(() => folderHolds(secret), { timeout: 10_000 }).toBe(false);
  });

  test("and then killed before the log was truncated is gone after the next opening", async () => {
    const database = await openDatabase(path, exampleNotes);
    database.prepare("INSERT INTO note VALUES (?)").run(secret);
    database.exec("DELETE FROM note");
    // As a kill leaves it: both files as they are now.
    const files = await Promise.all([path, `${path}-wal`].map((file) => readFile(file)));
    database.close();
    await Promise.all(files.map((bytes, i) => writeFile(i === 0 ? path : `${path}-wal`, bytes)));
    expect(await folderHolds(secret)).toBe(true);
    const again = await openDatabase(path, { "001-notes": [] });
    expect(await folderHolds(secret)).toBe(false);
    again.close();
  });
});

test.runIf(process.platform === "linux")("SQLite's library stays loaded when the last worker has ended", async () => {
  const script = new URL("ending-store.ts", import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(process.execPath, [script, path]);
  expect(stdout).toBe("loaded");
});
