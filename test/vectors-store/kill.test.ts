import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { EmbeddedVectorStore } from "../../src/node/vectors/embedded/embedded-vector-store.ts";
import { SPACE, sampleVector } from "./sample-records.ts";

/** Of each way to scan; `npm run torture` sets 500. */
const KILLS = Number(process.env["ENGRAM_KILLS"] ?? 8);
/** Of one file: after more it may hold more records than a search returns. */
const KILLS_A_FILE = 100;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "engram-kill-"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

/** What a killed writer had been told. */
interface Acknowledged {
  readonly put: Set<string>;
  readonly deleted: Set<string>;
  /** A delete was asked for and not answered: it may have happened. */
  readonly unsure: Set<string>;
}

/** Lets a process write and kills it after so many acknowledgements: a moment nobody planned. */
async function writeAndKill(path: string, round: number, after: number, told: Acknowledged): Promise<void> {
  const script = new URL("./put-until-killed.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [script, path, String(round)], { stdio: ["ignore", "pipe", "inherit"] });
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
  const [, signal] = (await exited) as [number | null, string | null];
  expect(signal).toBe("SIGKILL");
}

async function check(path: string, told: Acknowledged): Promise<void> {
  await using store = new EmbeddedVectorStore({ path });
  const now = Date.now();
  const hits = await store.search({ namespace: SPACE, vector: sampleVector(1), limit: 10_000, now });
  const found = new Set(hits.map(({ cid }) => cid));
  const missing = [...told.put].filter((cid) => !found.has(cid) && !told.deleted.has(cid) && !told.unsure.has(cid));
  expect(missing).toEqual([]);
  expect([...told.deleted].filter((cid) => found.has(cid))).toEqual([]);
  expect(hits).toHaveLength(await store.count(SPACE));
  const database = new Database(path, { readonly: true });
  const rows = database
    .prepare<[], { cid: string; metadata: string; embedding: Uint8Array }>(
      `SELECT cid, json AS metadata, vector AS embedding FROM record
      LEFT JOIN record_metadata AS m ON m.record = id LEFT JOIN record_embedding AS e ON e.record = id`,
    )
    .all();
  expect(database.pragma("integrity_check", { simple: true })).toBe("ok");
  database.close();
  // No hit without its record, no record that is half of one and half of another.
  expect(new Set(rows.map(({ cid }) => cid))).toEqual(found);
  for (const { cid, metadata, embedding } of rows) {
    const seed = Number(cid.split("-")[0]);
    expect(metadata).toBe(JSON.stringify({ seed }));
    expect(Buffer.from(sampleVector(seed).buffer as ArrayBuffer).equals(embedding)).toBe(true);
  }
}

test.each(["kernel", "plain"])(
  `with the %s scan a process killed at any moment loses nothing it acknowledged, and leaves a sound file: ${KILLS} kills`,
  async (scan) => {
    vi.stubEnv("ENGRAM_SCAN", scan);
    for (let first = 0; first < KILLS; first += KILLS_A_FILE) {
      const path = join(folder, `records-${first}.db`);
      const told: Acknowledged = { put: new Set(), deleted: new Set(), unsure: new Set() };
      const last = Math.min(KILLS, first + KILLS_A_FILE);
      for (let round = first; round < last; round++) {
        await writeAndKill(path, round, 1 + Math.floor(Math.random() * 60), told);
        await check(path, told);
      }
      expect(told.put.size).toBeGreaterThan(last - first);
    }
  },
  60_000 + KILLS * 60_000,
);

test("two processes that write the same file see and keep each other's records, though one is killed", async () => {
  const path = join(folder, "records.db");
  const told: Acknowledged = { put: new Set(), deleted: new Set(), unsure: new Set() };
  await Promise.all([writeAndKill(path, 1, 60, told), writeAndKill(path, 2, 120, told)]);
  await check(path, told);
  expect(new Set([...told.put].map((cid) => cid.split("-")[1]))).toEqual(new Set(["1", "2"]));
}, 60_000);
