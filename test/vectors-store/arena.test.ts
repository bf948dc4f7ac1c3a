import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { EngramError } from "../../src/crypto/errors.ts";
import { openDatabase, type SqliteDatabase } from "../../src/node/runtime/sqlite.ts";
import { CHANGES_KEPT, vectorStoreMigrations } from "../../src/node/vectors/embedded/embedded-schema.ts";
import type { Scan } from "../../src/node/vectors/embedded/namespace-arena.ts";
import { createVectorStoreOperations } from "../../src/node/vectors/embedded/operations.ts";
import { ScanClient } from "../../src/node/vectors/scan/scan-client.ts";
import { sampleRecord, sampleVector } from "./sample-records.ts";

let folder: string;
let databases: SqliteDatabase[];
let scan: ScanClient;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "engram-arena-"));
  databases = [];
  scan = new ScanClient();
});
afterEach(async () => {
  await scan[Symbol.asyncDispose]();
  for (const database of databases) database.close();
  await rm(folder, { recursive: true });
});

const context = { onCommit: () => undefined, eraseLog: () => undefined };

/** The worker's operations on this thread, each call a process of its own. */
async function open(over: Scan) {
  const database = await openDatabase(join(folder, "records.db"), vectorStoreMigrations);
  databases.push(database);
  const { reads, writes } = createVectorStoreOperations(database, over);
  return {
    put: (...cids: readonly string[]) =>
      database.transaction(() => writes.put({ records: cids.map((cid) => sampleRecord(cid, Number(cid))) }))(),
    delete: (cid: string) => writes.delete({ namespace: "space", cid, now: 5_000 }, context),
    search: async (seed: number, limit = 3, namespace = "space") => {
      const hits = await reads.search({ namespace, vector: sampleVector(seed), limit, now: 5_000 });
      return hits.map(({ cid }) => cid);
    },
  };
}

/** The scan, with a list of what was asked of it. */
function watched(changes: Partial<Scan> = {}): { readonly calls: string[]; readonly over: Scan } {
  const calls: string[] = [];
  const over: Scan = {
    load: (key, ...rest) => {
      calls.push("load");
      return scan.load(key, ...rest);
    },
    append: (key, rows, vectors) => {
      calls.push(`append ${rows.length}`);
      return scan.append(key, rows, vectors);
    },
    remove: (key, rows) => {
      calls.push(`remove ${rows.length}`);
      return scan.remove(key, rows);
    },
    top: (...query) => {
      calls.push("top");
      return scan.top(...query);
    },
    ...changes,
  };
  return { calls, over };
}

test("a namespace is loaded at its first search, and then only told what changed", async () => {
  const { calls, over } = watched();
  const store = await open(over);
  const other = await open(watched().over);
  store.put("1", "2", "3");
  expect(calls).toEqual([]);
  expect(await store.search(2, 1)).toEqual(["2"]);
  expect(await store.search(3, 1)).toEqual(["3"]);
  expect(calls.splice(0)).toEqual(["load", "append 3", "top", "top"]);
  other.put("4");
  other.delete("2");
  other.put("5");
  other.delete("5");
  expect((await store.search(4, 9)).sort()).toEqual(["1", "3", "4"]);
  expect(calls.splice(0)).toEqual(["append 1", "remove 2", "top"]);
});

test("searches that start together share one load", async () => {
  const { calls, over } = watched();
  const store = await open(over);
  store.put("1", "2", "3");
  await Promise.all([store.search(1), store.search(2), store.search(3)]);
  expect(calls.filter((call) => call === "load")).toHaveLength(1);
});

test("a process that missed trimmed changes loads the namespace again", async () => {
  const { calls, over } = watched();
  const store = await open(over);
  const other = await open(watched().over);
  store.put("1");
  expect(await store.search(1, 1)).toEqual(["1"]);
  other.delete("1");
  const many = Array.from({ length: CHANGES_KEPT }, (_, i) => String(i + 10));
  other.put(...many);
  const [database] = databases;
  expect(database?.prepare("SELECT count(*) FROM change").pluck().get()).toBe(CHANGES_KEPT);
  calls.splice(0);
  expect(await store.search(777, 1)).toEqual(["777"]);
  expect(calls[0]).toBe("load");
  expect(await store.search(1, 10_000)).not.toContain("1");
});

test("what is written while a namespace is being loaded is found", async () => {
  let meanwhile: () => void = () => undefined;
  const { over } = watched({
    append: async (...batch) => {
      await scan.append(...batch);
      meanwhile();
    },
  });
  const store = await open(over);
  store.put(...Array.from({ length: 2_500 }, (_, i) => String(i)));
  let pages = 0;
  meanwhile = () => {
    pages += 1;
    if (pages === 1) {
      store.delete("3");
      store.delete("2400");
      store.put("9001");
    }
  };
  const found = await store.search(9_001, 5_000);
  expect(found[0]).toBe("9001");
  expect(found).toHaveLength(2_499);
  expect(found).not.toContain("3");
  expect(found).not.toContain("2400");
});

test.each(["SCAN_FAILED", "SCAN_NOT_LOADED"])("after %s the namespace is loaded again", async (code) => {
  let failures = 1;
  const { calls, over } = watched({
    top: async (...query) => {
      if (failures-- > 0) throw new EngramError(code, "the thread is gone");
      return await scan.top(...query);
    },
  });
  const store = await open(over);
  store.put("1", "2");
  expect(await store.search(1, 1)).toEqual(["1"]);
  expect(calls.filter((call) => call === "load")).toHaveLength(2);
});

test("a scan that keeps failing is an error, not an empty answer", async () => {
  const { over } = watched({ top: () => Promise.reject(new EngramError("SCAN_FAILED", "the thread is gone")) });
  const store = await open(over);
  store.put("1");
  await expect(store.search(1)).rejects.toMatchObject({ code: "SCAN_FAILED" });
});

test("namespaces that push each other out of memory are still answered", async () => {
  await using small = new ScanClient({ limitBytes: 1 });
  const store = await open(small);
  const database = databases[0];
  store.put("1", "2");
  database?.exec(
    `INSERT INTO record (id, namespace, cid, created_at)
      SELECT id + 100, 'other', cid || 'x', created_at FROM record;
    INSERT INTO record_metadata SELECT record + 100, json FROM record_metadata;
    INSERT INTO record_embedding SELECT record + 100, vector FROM record_embedding`,
  );
  for (let i = 0; i < 3; i++) {
    expect(await store.search(1, 1)).toEqual(["1"]);
    expect(await store.search(2, 1, "other")).toEqual(["2x"]);
  }
});

test("a record deleted while the scan runs is replaced by the next best", async () => {
  let race: () => void = () => undefined;
  const { over } = watched({
    top: async (...query) => {
      const found = await scan.top(...query);
      race();
      return found;
    },
  });
  const store = await open(over);
  store.put("1", "2", "3", "4");
  const before = await store.search(1, 4);
  race = () => {
    race = () => undefined;
    store.delete(before[0] ?? "");
  };
  expect(await store.search(1, 2)).toEqual(before.slice(1, 3));
});
