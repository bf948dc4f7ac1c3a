import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { QdrantFault, QdrantRequest } from "../support/qdrant-server.ts";
import { COLLECTION, eventually, found, QdrantUnderTest } from "./qdrant-kit.ts";
import { SPACE, sampleRecord, sampleVector } from "./sample-records.ts";

let subject: QdrantUnderTest;
beforeEach(async () => {
  subject = await QdrantUnderTest.start();
});
afterEach(() => subject[Symbol.asyncDispose]());

const names = (count: number, prefix = "r") => Array.from({ length: count }, (_, i) => `${prefix}${i}`).sort();
const records = (count: number, prefix = "r") => names(count, prefix).map((cid, i) => sampleRecord(cid, i));
const query = { namespace: SPACE, vector: sampleVector(1), limit: 5, now: 2_000 };
const isWrite = ({ path }: QdrantRequest) => path === "/points/batch";

/** The next `times` requests of this kind go wrong. */
function fail(times: number, fault: QdrantFault, kind = isWrite): () => number {
  let left = times;
  subject.server.fault = (request) => {
    if (left === 0 || !kind(request)) return undefined;
    left -= 1;
    return fault;
  };
  return () => left;
}

test("a write that ends in any fault is made again, and counts once", async () => {
  const store = subject.open();
  await store.put(records(1, "first"));
  expect(await found(store)).toEqual(["first0"]);
  const faults: QdrantFault[] = ["reset after", "reset", "error", "overload", "late"];
  for (const [round, fault] of faults.entries()) {
    const left = fail(2, fault);
    await store.put(records(20, `${round}-`));
    await store.delete(SPACE, round === 0 ? "first0" : `${round - 1}-0`);
    await expect.poll(left, { timeout: 10_000 }).toBe(0);
    await expect.poll(() => subject.points().length, { timeout: 10_000 }).toBe(19 * round + 20);
    expect(await eventually(() => found(store))).toHaveLength(19 * round + 20);
  }
});

test("while Qdrant is away all but searches goes on, and afterwards everything is found", async () => {
  const store = subject.open();
  await store.put(records(3));
  expect(await found(store)).toHaveLength(3);
  await subject.server.stop();
  expect(await store.put(records(2, "later"))).toEqual([
    { cid: "later0", created: true },
    { cid: "later1", created: true },
  ]);
  expect(await store.delete(SPACE, "r0")).toBe(true);
  expect((await store.get(SPACE, "later0"))?.cid).toBe("later0");
  expect((await store.list({ namespace: SPACE, limit: 9, now: 2_000 })).records).toHaveLength(4);
  expect(await store.count(SPACE)).toBe(4);
  for (let again = 0; again < 2; again++) {
    const refusal = { code: "VECTOR_INDEX_DOWN", fix: expect.stringContaining("QDRANT_URL"), retryAfterMs: 2_000 };
    await expect(store.search(query)).rejects.toMatchObject(refusal);
  }
  await subject.server.restart("all");
  expect(await eventually(() => found(store))).toEqual(["later0", "later1", "r1", "r2"]);
});

test("a Qdrant that takes no writes still answers, with what it was not given", async () => {
  const store = subject.open();
  await store.put(records(3));
  expect(await found(store)).toHaveLength(3);
  await expect.poll(() => subject.points().length).toBe(3);
  subject.server.fault = (request) => (isWrite(request) ? "error" : undefined);
  for (let i = 0; i < 5; i++) {
    await store.put([sampleRecord(`new${i}`, i)]);
    expect(await found(store)).toContain(`new${i}`);
  }
  await store.delete(SPACE, "r1");
  await store.delete(SPACE, "new1");
  expect(await found(store)).toEqual(["new0", "new2", "new3", "new4", "r0", "r2"]);
  expect(subject.points()).toHaveLength(3);
  // Another process of the folder knows as much.
  expect(await found(subject.open())).toHaveLength(6);
});

test("a Qdrant that never answers fails a search, not the store", async () => {
  const store = subject.open({ deadlineMs: 200 });
  await store.put(records(3));
  expect(await found(store)).toHaveLength(3);
  subject.server.fault = () => "hang";
  await expect(store.search(query)).rejects.toMatchObject({ code: "VECTOR_INDEX_DOWN" });
  expect(await store.put(records(1, "more"))).toEqual([{ cid: "more0", created: true }]);
  subject.server.fault = () => undefined;
  expect(await eventually(() => found(store))).toHaveLength(4);
});

test("a miner takes so many records without its Qdrant and no more, and loses none of them", async () => {
  await subject.server.stop();
  const store = subject.open();
  const page = (n: number) => Array.from({ length: 500 }, (_, i) => sampleRecord(`${n}-${i}`, n * 500 + i));
  for (let n = 0; n < 16; n++) await store.put(page(n));
  const refusal = { code: "VECTOR_INDEX_BEHIND", fix: expect.stringContaining("Qdrant"), retryAfterMs: 2_000 };
  await expect(store.put(page(16))).rejects.toMatchObject(refusal);
  // Forgetting is never refused.
  expect(await store.delete(SPACE, "0-0")).toBe(true);
  expect(await store.count()).toBe(7_999);
  await subject.server.restart("all");
  expect(await eventually(() => found(store))).toHaveLength(7_999);
  await expect.poll(() => subject.points().length, { timeout: 20_000 }).toBe(7_999);
  expect(await store.put(page(16))).toHaveLength(500);
});

test.each(["flushed", "nothing"] as const)(
  "a Qdrant that comes back with %s is filled again under a running store",
  async (kept) => {
    const store = subject.open();
    await store.put(records(30));
    expect(await found(store)).toHaveLength(30);
    await expect.poll(() => subject.points().length).toBe(30);
    subject.server.flush();
    await store.delete(SPACE, "r0");
    await store.put(records(30, "unflushed"));
    await expect.poll(() => subject.points().length).toBe(59);
    await subject.server.restart(kept);
    const expected = [...names(30), ...names(30, "unflushed")].filter((cid) => cid !== "r0").sort();
    // The very next answer is whole: nothing that was acknowledged is missing, nothing deleted is back.
    expect(await eventually(() => found(store))).toEqual(expected);
    expect(subject.points()).toHaveLength(59);
  },
);

test("a collection that is deleted is made anew and filled", async () => {
  const store = subject.open();
  await store.put(records(30));
  expect(await found(store)).toHaveLength(30);
  await expect.poll(() => subject.points().length).toBe(30);
  subject.server.collections.drop(COLLECTION);
  await store.put(records(1, "more"));
  await expect.poll(() => subject.points().length).toBe(31);
  subject.server.collections.drop(COLLECTION);
  expect(await eventually(() => found(store))).toHaveLength(31);
  const { payload_schema } = subject.server.collections.describe(COLLECTION);
  expect(Object.keys(payload_schema as object).sort()).toEqual(["ns", "stamp", "terms"]);
});

test("what Qdrant lost while the miner was down is there again after its start", async () => {
  {
    await using store = subject.open();
    await store.put(records(10));
    await found(store);
    subject.server.flush();
    await store.put(records(10, "unflushed"));
    await expect.poll(() => subject.points().length).toBe(20);
  }
  await subject.server.restart("flushed");
  expect(subject.points()).toHaveLength(10);
  const store = subject.open();
  await store.start();
  expect(await found(store)).toHaveLength(20);
  expect(subject.points()).toHaveLength(20);
});

test("a start with an index that is as it was left compares no records", async () => {
  {
    await using store = subject.open();
    await store.put(records(10));
    await found(store);
    await expect.poll(() => subject.points().length).toBe(10);
  }
  const before = subject.server.requests.length;
  const store = subject.open();
  await store.start();
  expect(await found(store)).toHaveLength(10);
  const paths = subject.server.requests.slice(before).map(({ path }) => path);
  expect(paths.filter((path) => path === "/points/scroll" || path === "/points/batch")).toEqual([]);
});

test("a point somebody removed, and one somebody added, are noticed at the start", async () => {
  {
    await using store = subject.open();
    await store.put(records(10));
    await found(store);
    await expect.poll(() => subject.points().length).toBe(10);
  }
  subject.server.collections.delete(COLLECTION, { points: [3] });
  const strange = { id: "936da01f-9abd-4d9d-80c7-02af85c822a8", vector: {}, payload: { ns: SPACE } };
  subject.server.collections.upsert(COLLECTION, { points: [strange, { ...strange, id: 99 }] });
  const store = subject.open();
  await store.start();
  expect(await found(store)).toHaveLength(10);
  expect(subject.points()).toHaveLength(10);
});

test("a journal that was restored from a backup takes its index back with it", async () => {
  const backup = await mkdtemp(join(tmpdir(), "engram-backup-"));
  try {
    {
      await using store = subject.open();
      await store.put(records(5));
      await found(store);
    }
    await cp(subject.folder, backup, { recursive: true });
    {
      await using store = subject.open();
      await store.put(records(5, "future"));
      await found(store);
      await expect.poll(() => subject.points().length).toBe(10);
    }
    await rm(subject.folder, { recursive: true });
    await cp(backup, subject.folder, { recursive: true });
    const store = subject.open();
    // These take the ids that the lost ones had.
    await store.put(records(3, "present"));
    expect(await found(store)).toEqual([...names(3, "present"), ...names(5)].sort());
    const kept = subject.server.collections.points(COLLECTION).map(({ payload }) => payload["cid"]);
    expect(kept.filter((cid) => String(cid).startsWith("future"))).toEqual([]);
  } finally {
    await rm(backup, { recursive: true });
  }
});

interface Told {
  readonly put: Set<string>;
  readonly deleted: Set<string>;
  readonly unsure: Set<string>;
}

/** Lets a process write and kills it after so many acknowledgements, wherever its Qdrant was by then. */
async function writeAndKill(round: number, after: number, told: Told): Promise<void> {
  const script = new URL("./qdrant-put-until-killed.ts", import.meta.url).pathname;
  const args = [script, subject.path, subject.server.url, String(round)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  let lines = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const [verb, cid = ""] = line.split(" ");
    if (verb === "put") told.put.add(cid);
    else if (verb === "try") told.unsure.add(cid);
    else if (verb === "del") told.deleted.add(cid);
    lines += 1;
    if (lines === after) child.kill("SIGKILL");
  }
  expect((await exited)[1]).toBe("SIGKILL");
}

test("a miner killed between its journal and Qdrant loses nothing it acknowledged", async () => {
  const told: Told = { put: new Set(), deleted: new Set(), unsure: new Set() };
  const faults: (QdrantFault | undefined)[] = ["hang", "reset after", undefined];
  for (const [round, fault] of faults.entries()) {
    // From the third write on, whatever the process does in Qdrant goes wrong.
    let writes = 0;
    subject.server.fault = (request) => (isWrite(request) && ++writes > 3 ? fault : undefined);
    await writeAndKill(round, 40 + round * 13, told);
    subject.server.fault = () => undefined;
    if (round === 1) await subject.server.restart("flushed");
    await using store = subject.open();
    const hits = new Set(await eventually(() => found(store)));
    const lost = [...told.put].filter((cid) => !hits.has(cid) && !told.deleted.has(cid) && !told.unsure.has(cid));
    expect(lost).toEqual([]);
    expect([...told.deleted].filter((cid) => hits.has(cid))).toEqual([]);
    expect(hits.size).toBe(await store.count(SPACE));
    await expect.poll(() => subject.points().length).toBe(hits.size);
  }
  expect(told.put.size).toBeGreaterThan(90);
  expect(told.deleted.size).toBeGreaterThan(10);
});
