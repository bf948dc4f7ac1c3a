import { mkdtemp, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { contentId } from "../../src/crypto/content-id.ts";
import { openFile, sealFile } from "../../src/crypto/file-seal.ts";
import { Spool } from "../../src/node/client/archive/spool.ts";

const HOUR_MS = 3_600_000;
const bytes = Buffer.from("what waits to be uploaded");
const cid = contentId(bytes);

let folder: string;
let spool: Spool;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), "engram-spool-")), "archive");
  spool = new Spool(folder);
});
afterEach(() => rm(join(folder, ".."), { recursive: true, force: true }));

test("a file outlives a process that was killed on either side of its memory's store", async () => {
  await spool.add(cid, bytes);
  // Killed after the memory was stored and before `keep`: the memory needs it, and it is found.
  await spool.sweep(new Set([cid]), Date.now() + 2 * HOUR_MS);
  expect((await spool.read(cid)).equals(bytes)).toBe(true);
  // Killed before the memory was stored: it goes, but not while a store may be under way.
  await spool.sweep(new Set(), Date.now());
  expect(await readdir(folder)).toHaveLength(1);
  const [name = ""] = await readdir(folder);
  const old = new Date(Date.now() - 2 * HOUR_MS);
  await utimes(join(folder, name), old, old);
  await spool.sweep(new Set(), Date.now());
  expect(await readdir(folder)).toEqual([]);
});

test("what a forgotten memory needed goes at once", async () => {
  await spool.add(cid, bytes);
  await spool.keep(cid);
  expect((await stat(join(folder, cid.slice(7)))).mode & 0o777).toBe(0o600);
  await spool.sweep(new Set([cid]), Date.now());
  expect(await readdir(folder)).toHaveLength(1);
  await spool.sweep(new Set(), Date.now());
  expect(await readdir(folder)).toEqual([]);
  await expect(spool.read(cid)).rejects.toMatchObject({ code: "ARCHIVE_BYTES_LOST" });
});

test("damaged bytes are not uploaded", async () => {
  await spool.add(cid, bytes);
  await spool.keep(cid);
  await writeFile(join(folder, cid.slice(7)), "something else");
  await expect(spool.read(cid)).rejects.toMatchObject({ code: "ARCHIVE_BYTES_LOST" });
});

test("a sealed file opens with its own key alone, and not when a bit of it changed", () => {
  const [one, other] = [sealFile(bytes), sealFile(bytes)];
  expect(Buffer.from(openFile(one.key, one.bytes)).equals(bytes)).toBe(true);
  expect(Buffer.from(one.bytes).equals(Buffer.from(other.bytes))).toBe(false);
  const changed = Buffer.from(one.bytes);
  changed[20] = (changed[20] ?? 0) ^ 1;
  for (const [key, sealed] of [
    [other.key, one.bytes],
    [one.key, changed],
    [one.key, one.bytes.subarray(0, 10)],
    ["no key", one.bytes],
    ["", one.bytes],
  ] as const) {
    expect(() => openFile(key, sealed)).toThrow("does not open");
  }
});
