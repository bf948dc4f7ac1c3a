import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Filter } from "../../src/node/protocol/filter.ts";
import { EmbeddedVectorStore } from "../../src/node/vectors/embedded/embedded-vector-store.ts";
import { SPACE, sampleRecord } from "./sample-records.ts";

const ROWS = 6_000;
const now = 5_000;
let folder: string;
let store: EmbeddedVectorStore;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "engram-fair-"));
  store = new EmbeddedVectorStore({ path: join(folder, "records.db") });
  const metadata = (row: number) => JSON.stringify({ kind: row % 7 === 0 ? "rare" : "common", row });
  await store.put(Array.from({ length: ROWS }, (_, row) => sampleRecord(`r${row}`, row, { metadata: metadata(row) })));
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const rare: Filter = { key: "kind", text: "rare" };
const none: Filter = { key: "missing", is: { exists: true } };
const rareRows = Array.from({ length: ROWS }, (_, row) => row).filter((row) => row % 7 === 0);

test.each([
  ["the start", 0, 50],
  ["the end of the first slice", 120, 20],
  ["far inside", 700, 200],
  ["the last page", rareRows.length - 10, 10],
  ["beyond the end", 10_000, 10],
])("a filtered list shows the same rows at %s as one look at all of them would", async (_, offset, limit) => {
  const { records, next } = await store.list({ namespace: SPACE, filter: rare, limit, offset, now });
  expect(records.map(({ cid }) => cid)).toEqual(rareRows.slice(offset, offset + limit).map((row) => `r${row}`));
  expect(next === null).toBe(offset + limit >= rareRows.length);
});

test("pages of every length lead through all rows once", async () => {
  const seen: string[] = [];
  for (let after: string | null = "0"; after !== null; ) {
    const page = await store.list({ namespace: SPACE, limit: 997, now, after });
    seen.push(...page.records.map(({ cid }) => cid));
    after = page.next;
  }
  expect(seen).toEqual(Array.from({ length: ROWS }, (_, row) => `r${row}`));
});

test.each([
  ["a list", () => store.list({ namespace: SPACE, filter: none, limit: 10, now })],
  [
    "a search",
    () => store.search({ namespace: SPACE, filter: none, limit: 10, now, vector: sampleRecord("q", 1).embedding }),
  ],
])("whoever writes does not wait for %s that looks at every row (M-W21)", async (name, look) => {
  const ended: string[] = [];
  const looking = look().then(() => ended.push("look"));
  const writing = store.put([sampleRecord(`late ${name}`, 1)]).then(() => ended.push("write"));
  await Promise.all([looking, writing]);
  expect(ended).toEqual(["write", "look"]);
});
