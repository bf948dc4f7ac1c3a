import { mkdir, open, readdir, readFile, realpath } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { EngramError } from "../../crypto/errors.ts";
import { syncFolder } from "../runtime/replace-file.ts";
import { copyDatabase, damageOf } from "../runtime/sqlite-backup.ts";
import { type HomeFile, listHome } from "./home-files.ts";
import { liesWithin } from "./lies-within.ts";
import { type BackupFile, digestFile, writeManifest } from "./manifest.ts";

export interface BackupOptions {
  /** A data folder: of memories, a miner, a validator or a gateway, or one with several of them in it. */
  readonly home: string;
  /** A folder that is empty or not there yet, outside of `home`. */
  readonly target: string;
  /** Also copies hotkeys, phrases and payment keys: whoever reads the backup is then who made it. */
  readonly withKeys: boolean;
  readonly signal?: AbortSignal;
}

export interface BackupResult {
  readonly target: string;
  readonly databases: number;
  readonly bytes: number;
  readonly keys: number;
  /** Key files that were there and were not asked for. */
  readonly keys_left_out: number;
  /** Files that are none of Engram's own: not copied. */
  readonly unknown: readonly string[];
}

/**
 * Copies the data of `home` while its processes run. Each database is one state of itself, taken after the call began;
 * they are taken one after another. Folders get mode 0700 and files 0600. Errors: `BACKUP_HOME`, `BACKUP_TARGET`,
 * `BACKUP_DAMAGED` when a database is damaged, the signal's reason.
 */
export async function makeBackup(options: BackupOptions, now: () => number): Promise<BackupResult> {
  const { withKeys, signal } = options;
  const began_at = new Date(now()).toISOString();
  const home = await realHome(options.home);
  const { files, unknown } = await listHome(home);
  if (!files.some(({ kind }) => kind === "database")) throw nothingThere(options.home);
  const target = await prepareTarget(options.target, home);
  const copied: BackupFile[] = [];
  for (const file of files) {
    signal?.throwIfAborted();
    if (file.kind !== "key" || withKeys) copied.push(await copyFile(home, target, file));
  }
  for (const folder of foldersOf(target, copied)) await syncFolder(folder);
  await writeManifest(target, { version: 1, began_at, with_keys: withKeys, files: copied });
  await syncFolder(target);
  await syncFolder(dirname(target));
  const keys = copied.filter(({ kind }) => kind === "key").length;
  return {
    target,
    databases: copied.filter(({ kind }) => kind === "database").length,
    bytes: copied.reduce((sum, { bytes }) => sum + bytes, 0),
    keys,
    keys_left_out: files.filter(({ kind }) => kind === "key").length - keys,
    unknown,
  };
}

async function copyFile(home: string, target: string, { path, kind }: HomeFile): Promise<BackupFile> {
  const to = join(target, path);
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  if (kind === "database") await copyChecked(join(home, path), to);
  else {
    await using file = await open(to, "wx", 0o600);
    await file.writeFile(await readFile(join(home, path)));
    await file.sync();
  }
  return { path, kind, ...(await digestFile(to)) };
}

async function copyChecked(from: string, to: string): Promise<void> {
  await copyDatabase(from, to);
  const damage = damageOf(to);
  if (damage === undefined) return;
  throw new EngramError("BACKUP_DAMAGED", `${from} is damaged: ${damage}`, {
    fix: "keep the older backups, and restore from the newest one that verifies",
  });
}

async function realHome(home: string): Promise<string> {
  try {
    return await realpath(home);
  } catch {
    throw nothingThere(home);
  }
}

async function prepareTarget(path: string, home: string): Promise<string> {
  await mkdir(dirname(resolve(path)), { recursive: true });
  await mkdir(path, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  const target = await realpath(path);
  if (liesWithin(home, target)) {
    throw unsuitable(`${path} lies in the folder that is backed up`);
  }
  if ((await readdir(target)).length > 0) throw unsuitable(`${path} is not empty`);
  await using folder = await open(target, "r");
  await folder.chmod(0o700);
  return target;
}

/** All folders of the backup's files, up to the target. */
function foldersOf(target: string, files: readonly BackupFile[]): ReadonlySet<string> {
  const folders = new Set<string>();
  for (const { path } of files) {
    for (let folder = dirname(join(target, path)); folder.startsWith(target + sep); folder = dirname(folder)) {
      folders.add(folder);
    }
  }
  return folders;
}

function nothingThere(home: string): EngramError {
  return new EngramError("BACKUP_HOME", `${home} holds no data of Engram`, {
    fix: "name the data folder with --home, or set ENGRAM_HOME",
  });
}

function unsuitable(message: string): EngramError {
  return new EngramError("BACKUP_TARGET", message, {
    fix: "name a folder that is not there yet, on another disk where you can",
  });
}
