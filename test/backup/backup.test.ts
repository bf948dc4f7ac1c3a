import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { makeBackup } from "../../src/node/backup/make-backup.ts";
import { verifyBackup } from "../../src/node/backup/verify-backup.ts";
import { openDatabase } from "../../src/node/runtime/sqlite.ts";
import { ClientBench } from "../support/client-bench.ts";
import { auditStore } from "../support/store-audit.ts";
import { StoringProcess } from "../support/storing-process.ts";

let bench: ClientBench;
beforeEach(async () => {
  bench = await ClientBench.make();
});
afterEach(() => bench[Symbol.asyncDispose]());

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "engram-backup-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

async function backUp(home: string, withKeys = false) {
  const target = join(await temporaryFolder(), "copy");
  return makeBackup({ home, target, withKeys }, () => 0);
}

/** Modes of everything in `folder`, the folder itself among them. */
async function modesOf(folder: string): Promise<Set<string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.map((entry) => join(entry.parentPath, entry.name));
  const kinds = await Promise.all([folder, ...paths].map((path) => stat(path)));
  return new Set(kinds.map((one) => `${one.isDirectory() ? "folder" : "file"} ${(one.mode & 0o777).toString(8)}`));
}

/** A folder of a miner, its subfolder and a memory home beside it, as the processes leave them. */
async function sampleHome(): Promise<string> {
  const home = await temporaryFolder();
  for (const name of ["memory.db", "miner/records.db", "gateway/gateway.sqlite", "miner/qdrant-lock.db"]) {
    const database = await openDatabase(join(home, name), { "001-init": ["CREATE TABLE kept (text TEXT)"] });
    database.prepare("INSERT INTO kept VALUES (?)").run(name);
    database.close();
  }
  await Promise.all(
    ["wallet", "miner/identity", "archive", "subnet/evm/state"].map((name) =>
      mkdir(join(home, name), { recursive: true }),
    ),
  );
  const spooled = "a".repeat(64);
  const files = ["wallet/hotkey", "miner/identity/hotkey", "payer-key", ".env", `archive/${spooled}`, "subnet.json"];
  files.push("subnet/pay-to-key", "subnet/evm/state/state-14.bin", "subnet/evm/anvil.json");
  for (const name of [...files, "holiday.jpg", "subnet.json.new"]) await writeFile(join(home, name), `of ${name}`);
  return home;
}

test("a backup taken while four writers store is whole, and has all that was acknowledged before it began", async () => {
  const writer = new StoringProcess(bench.home, "w");
  await writer.hasStored(60);
  const acknowledged = [...writer.stored];
  const { target } = await backUp(bench.home);
  // They went on storing meanwhile, and still do.
  await writer.hasStored(writer.stored.size + 10);
  await writer.kill();
  expect(writer.stored.size).toBeGreaterThan(acknowledged.length);
  expect(await verifyBackup(target)).toMatchObject({ ok: true, problems: [] });

  const restored = await temporaryFolder();
  await cp(target, restored, { recursive: true });
  expect(auditStore(restored)).toEqual([]);
  const client = bench.open({ home: restored });
  const kept = new Set<string>();
  for await (const { id } of client.export()) kept.add(id);
  const lost = acknowledged.filter((id) => !kept.has(id) && !writer.forgetting.has(id));
  expect(lost).toEqual([]);
  expect(kept.size).toBeGreaterThan(50);
});

test("databases are copied, keys only when they are asked for, and nobody else may read any of it", async () => {
  const home = await sampleHome();
  const without = await backUp(home);
  expect(without).toMatchObject({ databases: 3, keys: 0, keys_left_out: 5, unknown: ["holiday.jpg"] });
  const paths = async (folder: string) => {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
  };
  expect((await paths(without.target)).sort()).toEqual(
    ["a".repeat(64), "backup.json", "gateway.sqlite", "memory.db", "records.db", "state-14.bin", "subnet.json"].sort(),
  );
  const withKeys = await backUp(home, true);
  expect(withKeys).toMatchObject({ databases: 3, keys: 5, keys_left_out: 0 });
  expect(await readFile(join(withKeys.target, "miner/identity/hotkey"), "utf8")).toBe("of miner/identity/hotkey");
  for (const { target } of [without, withKeys]) {
    expect(await verifyBackup(target)).toMatchObject({ ok: true, began_at: "1970-01-01T00:00:00.000Z" });
    expect(await modesOf(target)).toEqual(new Set(["folder 700", "file 600"]));
  }
});

test("a link is not followed: what lies outside of the folder stays there", async () => {
  const home = await sampleHome();
  await symlink("/etc/passwd", join(home, "wallet", "linked"));
  const { target, unknown } = await backUp(home, true);
  // Its name is that of a key, and still nothing is read through it.
  expect(unknown).toContain("wallet/linked");
  await expect(stat(join(target, "wallet", "linked"))).rejects.toMatchObject({ code: "ENOENT" });
});

test.each([
  ["a byte changed", async (file: string) => flip(file), "other content"],
  ["its end missing", async (file: string) => writeFile(file, (await readFile(file)).subarray(0, -1)), "bytes, not"],
  ["not there", async (file: string) => rm(file), "not there"],
])("verifying finds a file with %s", async (_, spoil, problem) => {
  const { target } = await backUp(await sampleHome());
  await spoil(join(target, "miner", "records.db"));
  expect(await verifyBackup(target)).toMatchObject({
    ok: false,
    problems: [{ path: "miner/records.db", problem: expect.stringContaining(problem) }],
  });
});

async function flip(file: string): Promise<void> {
  const bytes = await readFile(file);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  await writeFile(file, bytes);
}

test("a damaged database, an unsuitable target and a folder without data are refused in words", async () => {
  const home = await sampleHome();
  const into = (target: string, from = home) => makeBackup({ home: from, target, withKeys: false }, () => 0);
  await expect(into(join(home, "inside"))).rejects.toMatchObject({ code: "BACKUP_TARGET" });
  await expect(into(join(home, "..", "..", home))).rejects.toMatchObject({ code: "BACKUP_TARGET" });
  const full = await temporaryFolder();
  await writeFile(join(full, "mine"), "");
  await expect(into(full)).rejects.toMatchObject({ code: "BACKUP_TARGET" });
  expect(await readdir(full)).toEqual(["mine"]);
  const empty = await temporaryFolder();
  await expect(into(join(empty, "copy"), empty)).rejects.toMatchObject({ code: "BACKUP_HOME" });
  const damaged = join(home, "memory.db");
  const bytes = await readFile(damaged);
  await writeFile(damaged, bytes.fill(7, 4_096, 8_192));
  const target = join(await temporaryFolder(), "copy");
  await expect(into(target)).rejects.toMatchObject({ code: "BACKUP_DAMAGED" });
  await expect(verifyBackup(target)).rejects.toMatchObject({ code: "BACKUP_INCOMPLETE" });
});

test("a manifest that names files outside of the backup is none", async () => {
  const { target } = await backUp(await sampleHome());
  const file = join(target, "backup.json");
  const text = await readFile(file, "utf8");
  for (const path of ["../memory.db", "/etc/passwd", "miner//records.db", "./memory.db"]) {
    await writeFile(file, text.replace('"memory.db"', JSON.stringify(path)));
    await expect(verifyBackup(target)).rejects.toMatchObject({ code: "BACKUP_INCOMPLETE" });
  }
});
