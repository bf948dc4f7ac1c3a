import { access } from "node:fs/promises";
import { basename, join } from "node:path";
import { EngramError } from "../../crypto/errors.ts";
import { type Migrations, openDatabase } from "../runtime/sqlite.ts";
import { isInUse, schemaVersion } from "../runtime/sqlite-version.ts";
import { listHome } from "./home-files.ts";
import { makeBackup } from "./make-backup.ts";

export interface UpgradeOptions {
  /** A data folder: of memories, a miner, a validator or a gateway, or one with several of them in it. */
  readonly home: string;
  /** What each file should hold, by its name. */
  readonly dataFiles: Readonly<Record<string, Migrations>>;
  /** Where the backup goes: a folder that is not there yet. */
  readonly backup: string;
  /** Looks, and changes nothing. */
  readonly check: boolean;
  readonly signal?: AbortSignal;
}

/** One SQLite file of the folder. */
export interface UpgradedFile {
  /** Relative to the folder, with slashes. */
  readonly path: string;
  /** `newer` was written by a newer program; `foreign` is a database that is none of Engram's own. */
  readonly state: "current" | "pending" | "upgraded" | "newer" | "failed" | "foreign";
  /** The newest migration that the file has now. */
  readonly version: string | null;
  /** Migrations that it lacked. */
  readonly steps: readonly string[];
  readonly problem?: string;
}

export interface UpgradeReport {
  readonly ok: boolean;
  /** Null when nothing had to be changed. */
  readonly backup: string | null;
  readonly files: readonly UpgradedFile[];
}

/**
 * Brings every SQLite file of a data folder that no process uses to this program's schema, a backup first. Each file is
 * one transaction: it has its new schema or its old one. Nothing is touched where one of them was written by a newer
 * program. Errors: `DATA_TOO_NEW`, `DATA_IN_USE`, and those of a backup.
 */
export async function upgradeData(options: UpgradeOptions, now: () => number): Promise<UpgradeReport> {
  const { home, backup, check, signal } = options;
  const found = await inspectData(options);
  const newer = found.filter(({ state }) => state === "newer").map(({ path }) => path);
  if (newer.length > 0 && !check) throw tooNew(newer);
  const pending = found.filter(({ state }) => state === "pending");
  if (check || pending.length === 0) return report(null, found);
  const used = found.filter(({ path }) => isInUse(join(home, path))).map(({ path }) => path);
  if (used.length > 0) throw inUse(used);
  // Keys have no schema: they stay as they are, and need no second place.
  await makeBackup({ home, target: backup, withKeys: false, ...(signal ? { signal } : {}) }, now);
  const files: UpgradedFile[] = [];
  for (const file of found) {
    signal?.throwIfAborted();
    files.push(file.state === "pending" ? await upgrade(file, options) : file);
  }
  return report(backup, files);
}

/** How each SQLite file of the folder compares with this program; nothing is changed. Empty where there is no folder. */
export async function inspectData(
  options: Pick<UpgradeOptions, "home" | "dataFiles">,
): Promise<readonly UpgradedFile[]> {
  const { home, dataFiles } = options;
  const isThere = await access(home).then(
    () => true,
    () => false,
  );
  if (!isThere) return [];
  const { files } = await listHome(home);
  return files.filter(({ kind }) => kind === "database").map(({ path }) => inspect(home, path, dataFiles));
}

function inspect(home: string, path: string, dataFiles: UpgradeOptions["dataFiles"]): UpgradedFile {
  const name = basename(path);
  const migrations = Object.hasOwn(dataFiles, name) ? dataFiles[name] : undefined;
  if (!migrations) return { path, state: "foreign", version: null, steps: [] };
  try {
    const { version, pending, unknown } = schemaVersion(join(home, path), migrations);
    const state = unknown.length > 0 ? "newer" : pending.length > 0 ? "pending" : "current";
    return { path, state, version, steps: pending };
  } catch (error) {
    return { path, state: "failed", version: null, steps: [], problem: messageOf(error) };
  }
}

async function upgrade(file: UpgradedFile, { home, dataFiles }: UpgradeOptions): Promise<UpgradedFile> {
  try {
    const database = await openDatabase(join(home, file.path), dataFiles[basename(file.path)] ?? {});
    database.close();
    return { ...file, state: "upgraded", version: file.steps.at(-1) ?? file.version };
  } catch (error) {
    return { ...file, state: "failed", problem: messageOf(error) };
  }
}

function report(backup: string | null, files: readonly UpgradedFile[]): UpgradeReport {
  return { ok: files.every(({ state }) => state !== "failed" && state !== "newer"), backup, files };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function tooNew(paths: readonly string[]): EngramError {
  return new EngramError("DATA_TOO_NEW", `a newer Engram wrote ${paths.join(", ")}`, {
    fix: "install the newer version again; nothing was changed",
  });
}

function inUse(paths: readonly string[]): EngramError {
  return new EngramError("DATA_IN_USE", `a process uses ${paths.join(", ")}`, {
    fix: "stop every Engram on this folder (MCP clients start one, too), then run it again; nothing was changed",
  });
}
