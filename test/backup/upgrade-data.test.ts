import { globSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { dataFiles } from "../../src/mcp/data-files.ts";
import { upgradeData } from "../../src/node/backup/upgrade-data.ts";
import { verifyBackup } from "../../src/node/backup/verify-backup.ts";
import { type Migrations, openDatabase } from "../../src/node/runtime/sqlite.ts";
import { schemaVersion } from "../../src/node/runtime/sqlite-version.ts";
import { engram, errorOf } from "../cli/engram.ts";

/** A folder as `engram up` leaves it, each file in a place of its own. */
const PATHS = Object.keys(dataFiles).map((name, i) => (i % 2 === 0 ? name : `subnet/part-${i}/${name}`));

function knownOf(path: string): Migrations {
  return dataFiles[basename(path)] ?? {};
}

/** A data folder that an older version left: each file has the first of its migrations alone, and one row. */
async function oldHome(): Promise<{ readonly home: string; readonly backup: string }> {
  const folder = await mkdtemp(join(tmpdir(), "engram-upgrade-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  const home = join(folder, "home");
  for (const path of PATHS) {
    await mkdir(dirname(join(home, path)), { recursive: true });
    const [first] = Object.entries(knownOf(path)).sort();
    if (first === undefined) throw new Error(`${path} has no migrations`);
    const database = await openDatabase(join(home, path), Object.fromEntries([first]));
    database.exec("CREATE TABLE witness (text TEXT); INSERT INTO witness VALUES ('from before')");
    database.close();
  }
  return { home, backup: join(folder, "backup") };
}

function readAll(home: string): readonly string[] {
  return PATHS.map((path) => readFileSync(join(home, path)).toString("base64"));
}

const many = PATHS.filter((path) => Object.keys(knownOf(path)).length > 1);

test("every file of an older version is brought forward, and the backup is the folder of before", async () => {
  const { home, backup } = await oldHome();
  const looked = await upgradeData({ home, dataFiles, backup, check: true }, Date.now);
  const report = await upgradeData({ home, dataFiles, backup, check: false }, Date.now);
  expect(many.length).toBeGreaterThan(2);
  expect(looked.files.filter(({ state }) => state === "pending").map(({ path }) => path)).toEqual([...many].sort());
  expect(report.files.filter(({ state }) => state === "failed")).toEqual([]);
  expect(report).toMatchObject({ ok: true, backup });
  for (const path of PATHS) {
    const newest = Object.keys(knownOf(path)).sort().at(-1);
    const state = many.includes(path) ? "upgraded" : "current";
    expect(report.files.find((file) => file.path === path)).toMatchObject({ state, version: newest });
    const database = await openDatabase(join(home, path), knownOf(path));
    expect(database.prepare("SELECT text FROM witness").pluck().all()).toEqual(["from before"]);
    database.close();
    expect(schemaVersion(join(backup, path), knownOf(path)).pending).toHaveLength(
      Object.keys(knownOf(path)).length - 1,
    );
  }
  expect(await verifyBackup(backup)).toMatchObject({ ok: true, files: PATHS.length });
  // A second time there is nothing to do, and no second backup.
  const again = await upgradeData({ home, dataFiles, backup: `${backup}-2`, check: false }, Date.now);
  expect(again).toMatchObject({ ok: true, backup: null });
});

test("a look changes nothing", async () => {
  const { home, backup } = await oldHome();
  const before = readAll(home);
  const { files } = await upgradeData({ home, dataFiles, backup, check: true }, Date.now);
  expect(files).toHaveLength(PATHS.length);
  expect(readAll(home)).toEqual(before);
  await expect(readFile(join(backup, "backup.json"))).rejects.toMatchObject({ code: "ENOENT" });
});

test("a folder in use, and data of a newer program, are refused untouched", async () => {
  const { home, backup } = await oldHome();
  const used = PATHS[0] ?? "";
  const user = await openDatabase(join(home, used), Object.fromEntries(Object.entries(knownOf(used)).slice(0, 1)));
  const before = readAll(home);
  const upgrade = () => upgradeData({ home, dataFiles, backup, check: false }, Date.now);
  await expect(upgrade()).rejects.toMatchObject({ code: "DATA_IN_USE", message: expect.stringContaining(used) });
  expect(readAll(home)).toEqual(before);
  user.exec("INSERT INTO kysely_migration VALUES ('999-future', '2030-01-01T00:00:00.000Z')");
  user.close();
  const untouched = readAll(home);
  await expect(upgrade()).rejects.toMatchObject({ code: "DATA_TOO_NEW", message: expect.stringContaining(used) });
  expect(readAll(home)).toEqual(untouched);
  expect(await upgradeData({ home, dataFiles, backup, check: true }, Date.now)).toMatchObject({ ok: false });
});

test("what cannot be brought forward stays as it was, and is named", async () => {
  const { home, backup } = await oldHome();
  const hindered: Record<string, Migrations> = { ...dataFiles };
  hindered["validator.db"] = {
    ...dataFiles["validator.db"],
    "999-odd": ["CREATE TABLE odd (a)", "CREATE TABLE witness (a)"],
  };
  const report = await upgradeData({ home, dataFiles: hindered, backup, check: false }, Date.now);
  expect(report.ok).toBe(false);
  const [failed, ...others] = report.files.filter(({ state }) => state === "failed");
  expect(failed).toMatchObject({ problem: "table witness already exists" });
  expect(others).toEqual([]);
  const path = failed?.path ?? "";
  expect(readFileSync(join(home, path)).includes("odd")).toBe(false);
  expect(schemaVersion(join(home, path), knownOf(path)).version).toBe(Object.keys(knownOf(path)).sort()[0]);
});

test("the command says what became of each file", async () => {
  const { home, backup } = await oldHome();
  const { code, stdout } = await engram(home, ["upgrade-data", "--backup", backup]);
  expect(code).toBe(0);
  for (const path of many) expect(stdout).toContain(`${path} brought forward by `);
  expect(stdout).toContain(`What was there before: ${backup}`);
  const empty = await engram(join(home, "nothing"), ["upgrade-data", "--json"]);
  expect(JSON.parse(empty.stdout)).toEqual({ ok: true, backup: null, files: [] });
  const refused = await engram(home, ["upgrade-data", "--nonsense", "--json"]);
  expect(errorOf(refused).code).toBe("USAGE");
});

test("the table names every schema of the product, by the name its file has", () => {
  const sources = globSync("src/**/*.ts")
    .filter((file) => !file.endsWith("data-files.ts"))
    .map((file) => readFileSync(file, "utf8"));
  const schemas = sources.flatMap((source) => source.match(/export const \w*[mM]igrations: Migrations/g) ?? []);
  expect(schemas.length).toBeGreaterThan(10);
  expect(new Set(Object.values(dataFiles)).size).toBe(schemas.length);
  const named = (name: string) => sources.some((source) => source.includes(`"${name}"`));
  expect(Object.keys(dataFiles).filter((name) => !named(name))).toEqual([]);
  expect(named("none.sqlite")).toBe(false);
});
