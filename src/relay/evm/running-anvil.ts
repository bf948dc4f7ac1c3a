import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { AnvilProcess } from "./anvil-process.ts";

const note = z.object({ pid: z.int().positive(), url: z.string() });
const NOTE_FILE = "anvil.json";

/** Remembers which process serves the chain of `folder`. */
export async function noteRunning(folder: string, { pid, url }: AnvilProcess): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(join(folder, NOTE_FILE), `${JSON.stringify({ pid, url })}\n`, { mode: 0o600 });
}

/**
 * Ends an anvil that was left behind when its parent was killed: it holds a state that nobody saves. Only a process
 * that still is an anvil is touched; where that cannot be seen, nothing is.
 */
export async function endStale(folder: string): Promise<void> {
  const text = await readFile(join(folder, NOTE_FILE), "utf8").catch(() => undefined);
  if (text === undefined) return;
  const found = note.safeParse(parseJson(text));
  if (!found.success || !(await isAnvil(found.data.pid))) return;
  try {
    process.kill(found.data.pid, "SIGKILL");
  } catch {
    // It ended in the meantime.
  }
}

async function isAnvil(pid: number): Promise<boolean> {
  const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  const [program = "", ...rest] = command.split("\0");
  return /(^|\/)anvil$/.test(program) && rest.includes("--chain-id");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
