import { open } from "node:fs/promises";

/** A new or renamed file is only on disk when its folder is, too. */
export async function syncFolder(folder: string): Promise<void> {
  // Windows has no such call for folders; NTFS journals the entry itself.
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
