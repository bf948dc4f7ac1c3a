import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { auditOperations } from "../../src/node/client/store/audit-operations.ts";
import { openMemoryDatabase } from "../../src/node/client/store/memory-schema.ts";
import type { SqliteDatabase } from "../../src/node/runtime/sqlite.ts";

const DAY = 24 * 3_600_000;
const COPIES = 900;
const ROUND_DAYS = 28;

let folder: string;
let database: SqliteDatabase;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "engram-audit-"));
  database = await openMemoryDatabase(join(folder, "memory.db"));
  database.transaction(() => {
    for (let record = 1; record <= COPIES; record++) {
      database.prepare("INSERT INTO content (id, bytes) VALUES (?, ?)").run(record, Buffer.from("{}"));
      database
        .prepare("INSERT INTO record VALUES (?, ?, 0, 'memory', 1, NULL, ?, 0)")
        .run(record, `m_${record}`, record);
      database
        .prepare("INSERT INTO delivery VALUES (?, 'miner', 'delivered', ?, 3, 0, 'an old error')")
        .run(record, `cid ${record}`);
    }
  })();
});
afterEach(async () => {
  database.close();
  await rm(folder, { recursive: true });
});

test("a day's share of the oldest copies comes round to all of them, and a random one finds some sooner", () => {
  const { reads, writes } = auditOperations(database);
  const hotkeys = ["miner"];
  const share = Math.ceil(COPIES / ROUND_DAYS);
  const seen = new Set<number>();
  let again = 0;
  for (let day = 1; day <= ROUND_DAYS; day++) {
    const sample = reads.copiesToAudit({ hotkeys, oldest: share, random: Math.ceil(share / 4) });
    expect(sample.length).toBeGreaterThanOrEqual(share);
    expect(new Set(sample.map(({ record }) => record)).size).toBe(sample.length);
    again += sample.filter(({ record }) => seen.has(record)).length;
    for (const { record } of sample) seen.add(record);
    const findings = sample.map(({ record, hotkey }) => ({ record, hotkey, verdict: "held" as const }));
    expect(writes.noteFindings({ findings, now: day * DAY })).toBe(0);
  }
  expect(seen.size).toBe(COPIES);
  // What was just looked at may be looked at again: dropping it is never safe.
  expect(again).toBeGreaterThan(0);
  expect(reads.countCopies({ hotkeys, before: DAY })).toBe(0);
  expect(reads.countCopies({ hotkeys: ["other"], before: 100 * DAY })).toBe(0);
});

test("a lost copy is journalled as if it had never been sent, a silent one is left alone", () => {
  const { reads, writes } = auditOperations(database);
  const findings = (["missing", "hash_only", "wrong", "silent", "unprovable", "held"] as const).map(
    (verdict, place) => ({
      ...{ record: place + 1, hotkey: "miner", verdict },
    }),
  );
  expect(writes.noteFindings({ findings, now: 7 })).toBe(3);
  const rows = database
    .prepare("SELECT record, attempts, next_at FROM delivery WHERE state = 'pending' ORDER BY record")
    .all();
  expect(rows).toEqual([1, 2, 3].map((record) => ({ record, attempts: 0, next_at: 7 })));
  expect(reads.countCopies({ hotkeys: ["miner"], before: 7 })).toBe(COPIES - 5);
  // Twice found, once pushed.
  expect(writes.noteFindings({ findings, now: 8 })).toBe(0);
  // With the record its history goes.
  database.prepare("DELETE FROM record WHERE id = 6").run();
  expect(database.prepare("SELECT count(*) AS n FROM audit").get()).toEqual({ n: 4 });
});
