import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { EmbeddedVectorStore } from "../../src/node/vectors/embedded/embedded-vector-store.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "engram-forget-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** Records of all sizes: within a page, over several, and sharing pages with their neighbours. */
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
    return { record, marks: [Buffer.from(mark), Buffer.from(embedding.buffer, 0, 32), Buffer.from(record.cid)] };
  });
}

async function traces(marks: readonly Buffer[]): Promise<number> {
  const files = await readdir(folder);
  const contents = await Promise.all(files.map((file) => readFile(join(folder, file))));
  return marks.filter((mark) => contents.some((bytes) => bytes.includes(mark))).length;
}

test("no byte of a deleted or expired record is left in the folder, while the store is open", async () => {
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
