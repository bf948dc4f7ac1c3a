import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openDatabase } from "../../src/node/runtime/sqlite.ts";
import { compactErased } from "../../src/node/vectors/embedded/compact-erased.ts";
import { vectorStoreMigrations } from "../../src/node/vectors/embedded/embedded-schema.ts";
import { EmbeddedVectorStore } from "../../src/node/vectors/embedded/embedded-vector-store.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "engram-forget-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** Texts and vectors of all sizes: within a page, over several, and sharing pages with their neighbours. */
function marked(count: number) {
  return Array.from({ length: count }, (_, i) => {
    const mark = randomBytes(12).toString("hex");
    const bytes = randomBytes(64 * 4);
    const embedding = Float32Array.from({ length: 64 }, (_, k) => bytes.readInt16LE(k * 2) / 7);
    const text = `${mark} ${"filler ".repeat((i * 37) % 1_500)}${mark}`;
    const record = {
      namespace: i % 3 === 0 ? "a" : "b",
      cid: `v1::${randomBytes(32).toString("hex")}`,
      embedding,
      metadata: JSON.stringify({ text }),
      ingestedBy: null,
      createdAt: 1,
      expiresAt: i % 4 === 0 ? 1_000 : null,
    };
    return { record, marks: [Buffer.from(mark), Buffer.from(embedding.buffer, 0, 32)] };
  });
}

async function traces(marks: readonly Buffer[]): Promise<number> {
  const files = await readdir(folder);
  const contents = await Promise.all(files.map((file) => readFile(join(folder, file))));
  return marks.filter((mark) => contents.some((bytes) => bytes.includes(mark))).length;
}

/** Which of the texts' marks stand in a file, in one pass over each. */
async function textTraces(marks: readonly Buffer[]): Promise<number> {
  const found = new Set<string>();
  for (const file of await readdir(folder)) {
    const text = (await readFile(join(folder, file))).toString("latin1");
    for (const [mark] of text.matchAll(/[0-9a-f]{24}/g)) found.add(mark);
  }
  return marks.filter((mark) => found.has(mark.toString())).length;
}

test("no byte of a deleted or expired text or vector is left in the folder, while the store is open", async () => {
  await using store = new EmbeddedVectorStore({
    path: join(folder, "records.db"),
    clock: { now: () => 2, sleep: async () => undefined },
  });
  const all = marked(400);
  for (let i = 0; i < all.length; i += 40) await store.put(all.slice(i, i + 40).map(({ record }) => record));
  const everyMark = all.flatMap(({ marks }) => marks);
  expect(await traces(everyMark)).toBe(everyMark.length);
  const expired = all.filter(({ record }) => record.expiresAt !== null);
  const deleted = all.filter(({ record }, i) => record.expiresAt === null && i % 2 === 1);
  await Promise.all(deleted.map(({ record }) => store.delete(record.namespace, record.cid)));
  expect(await traces(deleted.flatMap(({ marks }) => marks))).toBe(0);
  expect(await store.expire(1_000)).toBe(expired.length);
  expect(await traces(expired.flatMap(({ marks }) => marks))).toBe(0);
  const kept = all.filter((entry) => !expired.includes(entry) && !deleted.includes(entry));
  const keptMarks = kept.flatMap(({ marks }) => marks);
  expect(await traces(keptMarks)).toBe(keptMarks.length);
});

test("rows that were copied when SQLite merged pages leave nothing behind either", async () => {
  await using store = new EmbeddedVectorStore({ path: join(folder, "records.db") });
  const live: ReturnType<typeof marked> = [];
  const deleted: ReturnType<typeof marked> = [];
  for (let round = 0; round < 12; round++) {
    const fresh = marked(100).map(({ record, marks }) => ({ record: { ...record, expiresAt: null }, marks }));
    await store.put(fresh.map(({ record }) => record));
    live.push(...fresh);
    const chosen = Array.from({ length: 85 }, () => live.splice(Math.floor(Math.random() * live.length), 1)[0]);
    const gone = chosen.flatMap((entry) => entry ?? []);
    await Promise.all(gone.map(({ record }) => store.delete(record.namespace, record.cid)));
    deleted.push(...gone);
  }
  expect(deleted).toHaveLength(12 * 85);
  expect(await textTraces(live.flatMap(({ marks }) => marks.slice(0, 1)))).toBe(live.length);
  expect(await textTraces(deleted.flatMap(({ marks }) => marks.slice(0, 1)))).toBe(0);
});

test("the room of erased content is given back when the file is opened, and nothing else changes", async () => {
  const path = join(folder, "records.db");
  const all = marked(300).map(({ record, marks }) => ({ record: { ...record, expiresAt: null }, marks }));
  const kept = all.slice(0, 30);
  {
    await using store = new EmbeddedVectorStore({ path });
    await store.put(all.map(({ record }) => record));
    await Promise.all(all.slice(30).map(({ record }) => store.delete(record.namespace, record.cid)));
  }
  const before = (await readFile(path)).length;
  const database = await openDatabase(path, vectorStoreMigrations);
  expect(compactErased(database, 100 * before)).toBe(false);
  expect(compactErased(database, 1)).toBe(true);
  expect(compactErased(database, 1)).toBe(false);
  database.close();
  expect((await readFile(path)).length).toBeLessThan(before / 3);
  await using store = new EmbeddedVectorStore({ path });
  expect(await store.count()).toBe(30);
  for (const { record } of kept) expect(await store.get(record.namespace, record.cid)).toEqual(record);
  expect(await store.put([all[40]?.record ?? kept[0]?.record].flatMap((record) => record ?? []))).toMatchObject([
    { created: true },
  ]);
});
