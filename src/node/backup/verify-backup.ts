import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { damageOf } from "../runtime/sqlite-backup.ts";
import { type BackupFile, digestFile, readManifest } from "./manifest.ts";

export interface BackupReport {
  readonly ok: boolean;
  readonly began_at: string;
  readonly with_keys: boolean;
  readonly files: number;
  readonly problems: readonly { readonly path: string; readonly problem: string }[];
}

/**
 * Reads every byte of a backup and compares it with what was written. Nothing is changed. Errors: `BACKUP_INCOMPLETE`.
 */
export async function verifyBackup(folder: string): Promise<BackupReport> {
  const { began_at, with_keys, files } = await readManifest(folder);
  const problems: { path: string; problem: string }[] = [];
  for (const file of files) {
    const problem = await problemOf(folder, file);
    if (problem !== undefined) problems.push({ path: file.path, problem });
  }
  return { ok: problems.length === 0, began_at, with_keys, files: files.length, problems };
}

async function problemOf(folder: string, { path, kind, bytes, sha256 }: BackupFile): Promise<string | undefined> {
  const file = join(folder, path);
  const found = await lstat(file).catch(() => undefined);
  if (!found?.isFile()) return "is not there";
  const digest = await digestFile(file);
  if (digest.bytes !== bytes) return `has ${digest.bytes} bytes, not ${bytes}`;
  if (digest.sha256 !== sha256) return "has other content than was written";
  const damage = kind === "database" ? damageOf(file) : undefined;
  if (damage !== undefined) return `is damaged: ${damage}`;
  if (process.platform !== "win32" && (found.mode & 0o077) !== 0) return "can be read by other users: chmod 600 it";
  return undefined;
}
