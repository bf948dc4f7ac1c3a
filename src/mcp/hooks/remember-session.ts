import { isEngramError } from "../../crypto/errors.ts";
import { LIMITS } from "../../node/client/limits.ts";
import type { MemoryClient, StoreInput, StoreResult } from "../../node/client/memory.ts";
import { scanForSecrets } from "../../node/client/secret-scan.ts";
import type { SessionScope } from "./recall-session.ts";
import type { Utterance } from "./transcript.ts";

const ITEMS_PER_CALL = 50;
/** Acknowledgements ("ok", "yes") recall nothing. */
const SHORTEST_TEXT = 12;

/** Why a turn is left out, in the words of the summary. */
const REASONS = {
  short: `shorter than ${SHORTEST_TEXT} characters`,
  long: `longer than ${LIMITS.text.toLocaleString("en-US")} characters`,
  secret: "with something like a key",
  refused: "refused",
} as const;

export interface KeptSession {
  readonly stored: number;
  readonly deduped: number;
  /** How many turns were left out, by why. */
  readonly leftOut: Readonly<Record<keyof typeof REASONS, number>>;
}

/**
 * Stores what was said in a session, privately; what an earlier run stored of it is found again. A turn that cannot be
 * stored keeps none of the others out.
 */
export async function rememberSession(
  client: Pick<MemoryClient, "store">,
  { namespace, project, folder }: SessionScope,
  session: string,
  said: readonly Utterance[],
): Promise<KeptSession> {
  const leftOut = { short: 0, long: 0, secret: 0, refused: 0 };
  const worth: Utterance[] = [];
  for (const turn of said) {
    // A client that cuts a text may leave half a character, which nothing stores.
    const text = turn.text.toWellFormed();
    const reason = await unfit(text);
    if (reason === undefined) worth.push({ ...turn, text });
    else leftOut[reason] += 1;
  }
  const store = async (turns: readonly Utterance[]) => {
    const input: StoreInput = {
      session,
      items: turns.map((turn) => ({ ...turn, metadata: { project, folder } })),
      ...(namespace === undefined ? {} : { namespace }),
    };
    return (await client.store(input)).stored;
  };
  const kept: Kept[] = [];
  for (let from = 0; from < worth.length; from += ITEMS_PER_CALL) {
    kept.push(...(await storeAll(store, worth.slice(from, from + ITEMS_PER_CALL))));
  }
  const stored = kept.filter((one) => one !== "refused");
  const deduped = stored.filter((one) => one.deduped).length;
  leftOut.refused = kept.length - stored.length;
  return { stored: stored.length - deduped, deduped, leftOut };
}

/** One line for a person: what was stored, and what was left out for which reasons. */
export function describeKept({ stored, deduped, leftOut }: KeptSession): string {
  const reasons = Object.entries(REASONS)
    .map(([reason, words]) => ({ words, turns: leftOut[reason as keyof typeof REASONS] }))
    .filter(({ turns }) => turns > 0);
  const total = reasons.reduce((sum, { turns }) => sum + turns, 0);
  const why = reasons.map(({ words, turns }) => `${turns} ${words}`).join(", ");
  return `${stored} stored, ${deduped} there already${total === 0 ? "" : `, ${total} left out: ${why}`}`;
}

async function unfit(text: string): Promise<keyof typeof REASONS | undefined> {
  if (text.length < SHORTEST_TEXT) return "short";
  if (text.length > LIMITS.text) return "long";
  return (await scanForSecrets(text)).length > 0 ? "secret" : undefined;
}

type Kept = StoreResult["stored"][number] | "refused";

/**
 * Stores the turns. Where they are refused together, as they may be too much for one call, the halves go by themselves,
 * down to the turn that is to blame.
 */
async function storeAll(
  store: (turns: readonly Utterance[]) => Promise<StoreResult["stored"]>,
  turns: readonly Utterance[],
): Promise<readonly Kept[]> {
  try {
    return await store(turns);
  } catch (error) {
    if (!isEngramError(error, "INPUT_INVALID") && !isEngramError(error, "MEMORY_TOO_LARGE")) throw error;
    if (turns.length === 1) return ["refused"];
    const half = Math.ceil(turns.length / 2);
    return [...(await storeAll(store, turns.slice(0, half))), ...(await storeAll(store, turns.slice(half)))];
  }
}
