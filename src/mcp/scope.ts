import { EngramError } from "../crypto/errors.ts";
import type { Memory, MemoryClient } from "../node/client/memory.ts";
import type { ToolContext } from "./tool.ts";

type Scope = Pick<ToolContext, "pinned">;

/** The namespace to work in: the asked one, or the one this server is pinned to; throws when they differ. */
export function allowedNamespace(asked: string | undefined, { pinned }: Scope): string | undefined {
  if (pinned === undefined || asked === undefined || asked === pinned) return asked ?? pinned;
  throw outside(pinned);
}

/** Throws when this server is kept to one namespace: what is public is outside of it. */
export function assertMayUsePublic({ pinned }: Scope): void {
  if (pinned !== undefined) throw outside(pinned);
}

/** Whether a memory may be shown or forgotten by this server; others answer as if they did not exist. */
function isInScope(memory: Memory, { pinned }: Scope): boolean {
  return pinned === undefined || memory.namespace === pinned;
}

/** Memories by id within the scope; ids outside it count as missing. */
export async function getInScope(
  client: MemoryClient,
  ids: readonly string[],
  scope: Scope,
): Promise<{ readonly items: readonly Memory[]; readonly missing: readonly string[] }> {
  const { items, missing } = await client.get(ids);
  const shown = items.filter((memory) => isInScope(memory, scope));
  const hiddenIds = items.filter((memory) => !isInScope(memory, scope)).map(({ id }) => id);
  return { items: shown, missing: [...missing, ...ids.filter((id) => hiddenIds.some((full) => full.startsWith(id)))] };
}

/** Throws `MEMORY_NOT_FOUND` for a memory outside the scope, as if it did not exist. */
export async function assertInScope(client: MemoryClient, id: string, scope: Scope): Promise<void> {
  if (scope.pinned === undefined) return;
  const { items } = await getInScope(client, [id], scope);
  if (items.length > 0) return;
  throw new EngramError("MEMORY_NOT_FOUND", `There is no memory ${id} here`, { fix: "Find its id with engram_query." });
}

function outside(pinned: string): EngramError {
  return new EngramError("NAMESPACE_PINNED", `This server works in the namespace ${JSON.stringify(pinned)} alone`, {
    fix: `Leave namespace out or send ${JSON.stringify(pinned)}.`,
  });
}
