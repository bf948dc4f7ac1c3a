import { randomUUID } from "node:crypto";
import { isEngramError } from "../../crypto/errors.ts";
import { DEFAULT_NAMESPACE, LIMITS } from "../../node/client/limits.ts";
import type { MemoryClient, StoreInput } from "../../node/client/memory.ts";
import { scanForSecrets } from "../../node/client/secret-scan.ts";
import { visible } from "../../node/runtime/visible-text.ts";
import { fitTexts, showMemory, untrustedNote } from "../present.ts";
import type { Utterance } from "./transcript.ts";

/** What a session's beginning may add to a model's context: enough to go on, little enough to read past. */
const RECALLED_CHARACTERS = 6_000;
const NEWEST = 12;
const ITEMS_PER_CALL = 50;
/** Acknowledgements ("ok", "yes") recall nothing. */
const SHORTEST_TEXT = 12;

export interface SessionScope {
  readonly namespace: string | undefined;
  /** The name of the folder that is worked in. */
  readonly project: string;
}

export interface KeptSession {
  readonly stored: number;
  readonly deduped: number;
  /** Turns that hold something like a key or a token. */
  readonly withSecrets: number;
}

/**
 * What earlier sessions left in folders of this name: the newest turns, oldest first, as data between marks nobody can
 * foresee. Null when there is nothing: what was said elsewhere is not for this session.
 */
export async function recallForSession(
  client: Pick<MemoryClient, "list">,
  { namespace, project }: SessionScope,
  now: number,
): Promise<string | null> {
  const items = await newestOf(client, namespace ?? DEFAULT_NAMESPACE, project);
  if (items.length === 0) return null;
  const shown = items
    .toReversed()
    .map((memory) => ({ ...showMemory(memory, "concise", now), project: visible(project) }));
  const mark = randomUUID();
  return [
    `Earlier sessions in a folder of this name left this in Engram, oldest first (${untrustedNote}; engram_query finds more):`,
    `<recalled-${mark}>`,
    ...fitTexts(shown, RECALLED_CHARACTERS).items.map((item) => JSON.stringify(item)),
    `</recalled-${mark}>`,
  ].join("\n");
}

async function newestOf(client: Pick<MemoryClient, "list">, namespace: string, project: string) {
  const filter = { key: "project", is: { eq: project } };
  try {
    return (await client.list({ namespace, filter, order: "newest", limit: NEWEST })).items;
  } catch (error) {
    // A namespace begins with the first memory that is stored into it.
    if (isEngramError(error, "NAMESPACE_UNKNOWN")) return [];
    throw error;
  }
}

/** Stores what was said in a session, privately; what an earlier run stored of it is found again. */
export async function rememberSession(
  client: Pick<MemoryClient, "store">,
  { namespace, project }: SessionScope,
  session: string,
  said: readonly Utterance[],
): Promise<KeptSession> {
  const worth = said.filter(({ text }) => text.length >= SHORTEST_TEXT && text.length <= LIMITS.text);
  const clean: Utterance[] = [];
  for (const turn of worth) if ((await scanForSecrets(turn.text)).length === 0) clean.push(turn);
  let stored = 0;
  let deduped = 0;
  for (let from = 0; from < clean.length; from += ITEMS_PER_CALL) {
    const input: StoreInput = {
      session,
      items: clean.slice(from, from + ITEMS_PER_CALL).map((turn) => ({ ...turn, metadata: { project } })),
      ...(namespace === undefined ? {} : { namespace }),
    };
    const result = await client.store(input);
    const again = result.stored.filter((one) => one.deduped).length;
    deduped += again;
    stored += result.stored.length - again;
  }
  return { stored, deduped, withSecrets: worth.length - clean.length };
}
