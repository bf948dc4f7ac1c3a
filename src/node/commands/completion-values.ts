import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { CompletionItem } from "@pnpm/tabtab";
import type { MemoryStore } from "../client/store/memory-store.ts";
import { visible } from "../runtime/visible-text.ts";
import { homeOf } from "./open-client.ts";

/**
 * One word as it stands in bash, zsh, fish and PowerShell: no shell splits, expands or runs it, and no command takes it for
 * an option (`-`) or PowerShell for a splatted variable (`@`).
 */
const PLAIN_WORD = /^[\p{L}\p{Nd}_./][\p{L}\p{M}\p{Nd}_.@:/-]*$/u;

/**
 * What `read` finds in the memory store of a data folder, as far as it is one plain word: names may be another person's, and
 * bash puts them into the line as they are. Nothing where it fails, and where it takes longer than `withinMs`.
 */
export async function storedValues(
  home: string | undefined,
  withinMs: number,
  read: (store: MemoryStore) => Promise<readonly CompletionItem[]>,
): Promise<readonly CompletionItem[]> {
  try {
    const file = join(await homeOf(home), "memory.db");
    if (!(await isCurrent(file))) return [];
    const { memoryStore } = await import("../client/store/memory-store.ts");
    // The store alone: a client would make wallet and chain, and begin to push.
    await using store = memoryStore(await homeOf(home));
    const found = await Promise.race([read(store), delay(withinMs, [], { ref: false })]);
    return found.filter(({ name }) => PLAIN_WORD.test(name) && visible(name) === name);
  } catch {
    return [];
  }
}

/** A tab makes no file and changes none: not where there is none yet, nor one of another version or program. */
async function isCurrent(file: string): Promise<boolean> {
  const [{ schemaVersion }, { memoryMigrations }] = await Promise.all([
    import("../runtime/sqlite-version.ts"),
    import("../client/store/memory-schema.ts"),
  ]);
  const { pending, unknown } = schemaVersion(file, memoryMigrations);
  return pending.length === 0 && unknown.length === 0;
}
