import { shownName } from "../../crypto/namespace-name.ts";
import type { MemoryClient } from "../client/memory.ts";
import { say } from "./output.ts";

/** A command must not hang on miners that do not answer: what was read before is there. */
const WAIT_MS = 5_000;

/**
 * Reads what is new in shared namespaces before a command answers from one: its process is too short for the loop that
 * keeps them fresh. `asked` are the namespaces of the command; undefined for all.
 */
export async function readSharedFirst(client: MemoryClient, asked: readonly string[] | undefined): Promise<void> {
  if (!client.sharing) return;
  const wanted = asked?.map((name): string => shownName(name));
  const isAsked = (name: string) => wanted === undefined || wanted.includes(name);
  const shared = (await client.namespaces()).filter(({ name, owner }) => owner !== undefined && isAsked(name));
  if (shared.length === 0) return;
  const isRead = await client.sharing.sync({ signal: AbortSignal.timeout(WAIT_MS) }).catch(() => false);
  const names = shared.map(({ name }) => JSON.stringify(name)).join(", ");
  if (!isRead) say(`${names}: not read anew (no answer in time); this is what was read before`);
}
