import { z } from "zod";
import type { ClientStatus } from "../../node/client/memory.ts";
import { visible } from "../../node/runtime/visible-text.ts";
import { defineTool } from "../tool.ts";

const output = z.looseObject({ memories: z.number(), namespaces: z.number(), backup: z.string() });

export const statusTool = defineTool({
  name: "engram_status",
  title: "Status",
  description: "Memories, copies on miners, pending work, chain, backup of the phrase: one small answer.",
  input: z.strictObject({}),
  output,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  handler: async (_, context) => showStatus(await (await context.client()).status()),
});

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
    miners: {
      known: miners.length,
      reachable: miners.filter(({ reachable }) => reachable).length,
      list: miners
        .slice(0, shownMiners)
        .map(({ hotkey, url, reachable }) => ({ hotkey, url: visible(url), reachable })),
    },
  };
}
