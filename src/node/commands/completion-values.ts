import { access } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { MemoryClient } from "../client/memory.ts";
import { homeOf, openCommandClient } from "./open-client.ts";

/**
 * What `read` finds among the memories of a data folder; nothing where there is none yet (a tab makes no wallet), where
 * it fails, and where it takes longer than `withinMs`.
 */
export async function openMemories<T>(
  home: string | undefined,
  withinMs: number,
  read: (client: MemoryClient) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  try {
    await access(await homeOf(home));
    await using client = await openCommandClient(home);
    return await Promise.race([read(client), delay(withinMs, [], { ref: false })]);
  } catch {
    return [];
  }
}
