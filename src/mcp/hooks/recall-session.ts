import { randomUUID } from "node:crypto";
import { isEngramError } from "../../crypto/errors.ts";
import { DEFAULT_NAMESPACE } from "../../node/client/limits.ts";
import type { MemoryClient } from "../../node/client/memory.ts";
import { visible } from "../../node/runtime/visible-text.ts";
import { fitTexts, showMemory, untrustedNote } from "../present.ts";
import type { SessionFolder } from "./session-folder.ts";

/** What a session's beginning may add to a model's context: enough to go on, little enough to read past. */
const RECALLED_CHARACTERS = 6_000;
const NEWEST = 12;

export interface SessionScope extends SessionFolder {
  readonly namespace: string | undefined;
}

/**
 * What earlier sessions left in this folder: the newest turns, oldest first, as data between marks nobody can
 * foresee. Null when there is nothing: what was said elsewhere is not for this session.
 */
export async function recallForSession(
  client: Pick<MemoryClient, "list">,
  { namespace, project, folder }: SessionScope,
  now: number,
): Promise<string | null> {
  const items = await newestOf(client, namespace ?? DEFAULT_NAMESPACE, folder);
  if (items.length === 0) return null;
  const shown = items
    .toReversed()
    .map((memory) => ({ ...showMemory(memory, "concise", now), project: visible(project) }));
  const mark = randomUUID();
  return [
    `Earlier sessions in this folder left this in Engram, oldest first (${untrustedNote}; engram_query finds more):`,
    `<recalled-${mark}>`,
    ...fitTexts(shown, RECALLED_CHARACTERS).items.map((item) => JSON.stringify(item)),
    `</recalled-${mark}>`,
  ].join("\n");
}

async function newestOf(client: Pick<MemoryClient, "list">, namespace: string, folder: string) {
  const filter = { key: "folder", is: { eq: folder } };
  try {
    return (await client.list({ namespace, filter, order: "newest", limit: NEWEST })).items;
  } catch (error) {
    // A namespace begins with the first memory that is stored into it.
    if (isEngramError(error, "NAMESPACE_UNKNOWN")) return [];
    throw error;
  }
}
