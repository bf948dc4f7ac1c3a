import { z } from "zod";
import type { ClientStatus } from "../../node/client/memory.ts";
import { visible } from "../../node/runtime/visible-text.ts";
import { showBudget } from "../present-submission.ts";
import type { CallerRelay } from "../relaying.ts";
import { defineTool } from "../tool.ts";

const output = z.looseObject({ memories: z.number(), namespaces: z.number(), backup: z.string() });

export const statusTool = defineTool({
  name: "engram_status",
  title: "Status",
  description: "Memories, copies on miners, pending work, chain, backup of the phrase: one small answer.",
  input: z.strictObject({}),
  output,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  handler: async (_, context) => {
    const [status, relay] = await Promise.all([(await context.client()).status(), relayPart(context.relay)]);
    return { ...showStatus(status), ...relay };
  },
});

/** What is on its way to the gateway and what the day may still cost; nothing where nothing was ever relayed. */
export async function relayPart(relay: Pick<CallerRelay, "books">) {
  const books = await relay.books();
  if (!books) return {};
  const [{ states, total_ok, total_failed }, budget] = await Promise.all([books.status(), books.budget()]);
  const { held, ready, cosigning, submitting } = states;
  const { limit, left } = showBudget(budget);
  return {
    relay: { underway: held + ready + cosigning + submitting, delivered: total_ok, failed: total_failed },
    budget: { limit, left },
  };
}

const shownMiners = 10;

/** The client's status with short keys; the data folder's path stays with the person (`engram status`). */
export function showStatus(status: ClientStatus) {
  const { miners } = status;
  return {
    memories: status.memories,
    namespaces: status.namespaces,
    replicas: status.replicas,
    journal: status.journal,
    awaiting_vectors: status.awaitingVectors,
    backup: status.backup,
    hotkey: status.hotkey,
    chain: status.chain,
    embedder: status.embedder,
    ...(status.archive ? { archive: status.archive } : {}),
    miners: {
      known: miners.length,
      reachable: miners.filter(({ reachable }) => reachable).length,
      list: miners
        .slice(0, shownMiners)
        .map(({ hotkey, url, reachable }) => ({ hotkey, url: visible(url), reachable })),
    },
  };
}
