import { randomUUID } from "node:crypto";
import { LIMITS } from "../../node/client/limits.ts";
import type { Memory, MemoryClient, StoreInput } from "../../node/client/memory.ts";
import { scanForSecrets } from "../../node/client/secret-scan.ts";
import { fitTexts, showMemory, untrustedNote } from "../present.ts";
import type { Utterance } from "./transcript.ts";

/** What a session's beginning may add to a model's context: enough to go on, little enough to read past. */
const RECALLED_CHARACTERS = 6_000;
const NEWEST = 12;
const FITTING = 8;
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
 * What a new session should know of earlier ones in the project: the newest turns and what fits the project's name, as
 * data between marks nobody can foresee. Null when there is nothing.
 */
export async function recallForSession(
  client: Pick<MemoryClient, "list" | "namespaces" | "query">,
  { namespace, project }: SessionScope,
  now: number,
): Promise<string | null> {
  const filter = { key: "project", is: { eq: project } };
  if (namespace !== undefined && !(await client.namespaces()).some(({ name }) => name === namespace)) return null;
  const [newest, fitting] = await Promise.all([
    client.list({ filter, order: "newest", limit: NEWEST, ...(namespace === undefined ? {} : { namespace }) }),
    client.query({ query: project, limit: FITTING, ...(namespace === undefined ? {} : { namespaces: [namespace] }) }),
  ]);
  const memories = new Map<string, Memory>(
    [...newest.items.toReversed(), ...fitting.hits].map((memory) => [memory.id, memory]),
  );
  if (memories.size === 0) return null;
  const shown = [...memories.values()].map((memory) => showMemory(memory, "concise", now));
  const { items } = fitTexts(shown, RECALLED_CHARACTERS);
  const mark = randomUUID();
  return [
    `Engram remembers ${items.length} memories that may matter here (${untrustedNote}; engram_query finds more):`,
    `<recalled-${mark}>`,
    ...items.map((item) => JSON.stringify(item)),
    `</recalled-${mark}>`,
  ].join("\n");
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
