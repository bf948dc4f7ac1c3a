import { z } from "zod";
import type { NamespaceInfo } from "../../node/client/memory.ts";
import { visible } from "../../node/runtime/visible-text.ts";
import { isoDate } from "../dates.ts";
import { defineTool } from "../tool.ts";

const output = z.object({
  namespaces: z.array(z.looseObject({ name: z.string(), visibility: z.string(), memories: z.number() })),
});

export const namespacesTool = defineTool({
  name: "engram_namespaces",
  title: "List namespaces",
  description:
    "All namespaces with their number of memories and last write. Storing into a new name makes it. Role reader: shared by another wallet, to query only.",
  input: z.strictObject({}),
  output,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  handler: async (_, context) => {
    const client = await context.client();
    const all = await client.namespaces();
    return {
      namespaces: all.filter(({ name }) => context.pinned === undefined || name === context.pinned).map(showNamespace),
    };
  },
});

/** A namespace with short keys and without empty values. */
export function showNamespace(info: NamespaceInfo) {
  return {
    name: visible(info.name),
    visibility: info.visibility,
    memories: info.memories,
    ...(info.lastWrite === undefined ? {} : { last_write: isoDate(info.lastWrite) }),
    ...(info.plainName ? { plain_name: true } : {}),
    ...(info.remoteSearch ? { remote_search: true } : {}),
    ...(info.visibility === "private" ? { role: info.owner === undefined ? "owner" : "reader" } : {}),
    ...(info.owner === undefined ? {} : { owner: info.owner }),
    ...(info.grantExpiresAt === undefined ? {} : { grant_expires: isoDate(info.grantExpiresAt) }),
    ...(info.readers === undefined ? {} : { readers: info.readers }),
  };
}
