import { randomUUID } from "node:crypto";
import { link, mkdir, open, readFile, stat, unlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { EngramError } from "../../crypto/errors.ts";

/** A key file takes well under a kilobyte; anything far larger is not one. */
const MAX_BYTES = 64 * 1024;

/** The file's text, or `undefined` where there is none. Throws `WALLET_UNREADABLE`. */
export async function readIfThere(path: string): Promise<string | undefined> {
  return (await readBytesIfThere(path))?.toString("utf8");
}

/** As `readIfThere`, for files that are no text. */
export async function readBytesIfThere(path: string): Promise<Buffer | undefined> {
  try {
    if ((await stat(path)).size > MAX_BYTES) throw unreadable(path);
    return await readFile(path);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error instanceof EngramError ? error : unreadable(path);
  }
}

/**
 * Creates a file that is there whole or not at all, readable by its owner only, and on disk before this returns.
 * `false` when another process was first; its file is then untouched. Makes the folder when needed.
 */
export async function createOnce(path: string, content: string): Promise<boolean> {
  const folder = dirname(resolve(path));
  await makeFolder(folder);
  const draft = join(folder, `.${randomUUID()}.tmp`);
  try {
    await writeDurably(draft, content);
    const created = await linkOnce(draft, path);
    // Also after losing the race: the winner may not have got as far as its own fsync.
    await syncFolder(folder);
    return created;
  } finally {
    await unlink(draft).catch(() => undefined);
  }
}

/** A new folder is only on disk when its name in the folder above is, too. */
async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
}

async function writeDurably(path: string, content: string): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(content, "utf8");
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Unlike a rename, a link never replaces what is there. */
async function linkOnce(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (isErrno(error, "EEXIST")) return false;
    throw new EngramError("WALLET_FOLDER_UNSUITABLE", "The wallet cannot be created safely in its folder.", {
      fix: "Set ENGRAM_HOME to a folder on a local disk whose file system has hard links.",
      cause: error,
    });
  }
}

async function syncFolder(folder: string): Promise<void> {
  // Windows has no such call for folders; NTFS journals the entry itself.
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function unreadable(path: string): EngramError {
  return new EngramError("WALLET_UNREADABLE", `The wallet file ${path} cannot be read.`, {
    fix: "Check that it is a file of yours with mode 0600, or restore it from your backup.",
  });
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
