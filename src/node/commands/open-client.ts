import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { MemoryClient } from "../client/memory.ts";

/** The data folder: `--home`, else ENGRAM_HOME, else the platform's data directory. */
export async function homeOf(option: string | undefined): Promise<string> {
  const named = option ?? process.env["ENGRAM_HOME"];
  if (named) return resolve(named);
  if (process.platform === "win32") return join(process.env["LOCALAPPDATA"] ?? homedir(), "engram");
  if (process.platform === "darwin") return join(homedir(), "Library", "Application Support", "engram");
  return join(process.env["XDG_DATA_HOME"] ?? join(homedir(), ".local", "share"), "engram");
}

export async function walletFolderOf(option: string | undefined): Promise<string> {
  return join(await homeOf(option), "wallet");
}

export async function openCommandClient(option: string | undefined): Promise<MemoryClient> {
  const [{ openMemoryClient }, { createLogger }] = await Promise.all([
    import("../client/open-client.ts"),
    import("../runtime/logger.ts"),
  ]);
  return openMemoryClient({
    home: await homeOf(option),
    log: createLogger({ level: process.env["ENGRAM_LOG_LEVEL"] ?? "error" }),
  });
}
