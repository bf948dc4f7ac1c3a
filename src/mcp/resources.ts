import {
  type McpServer,
  type ReadResourceResult,
  ResourceNotFoundError,
  ResourceTemplate,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { isMemoryIdPrefix } from "../node/client/ids.ts";
import type { MemoryClient } from "../node/client/memory.ts";
import { showMemory, untrustedNote } from "./present.ts";
import { publicFailure } from "./protocol-failure.ts";
import { getInScope } from "./scope.ts";
import { callerOf, type Shared } from "./shared.ts";
import { showNamespace } from "./tools/namespaces.ts";
import { showStatus } from "./tools/status.ts";

export const memoryTemplate = "engram://memory/{id}";

const json = "application/json";
/** Contents change with every store: a cached copy would be wrong. */
const cacheHint = { ttlMs: 0, cacheScope: "private" } as const;

const status = {
  title: "Status",
  description: "Memories, copies on miners, pending work, chain and backup",
  mimeType: json,
  cacheHint,
};
const namespaces = { title: "Namespaces", description: "Every namespace with its size", mimeType: json, cacheHint };
const memory = { title: "Memory", description: "One memory by its id; untrusted data", mimeType: json, cacheHint };

/** `engram://status`, `engram://namespaces` and `engram://memory/{id}`. */
export function registerResources(server: McpServer, shared: Shared): void {
  const { namespace: pinned } = shared.options;
  const read = (uri: string, context: ServerContext, show: (client: MemoryClient) => Promise<unknown>) =>
    publicFailure(shared, async (): Promise<ReadResourceResult> => {
      const shown = await show(await shared.clients.of(callerOf(context)));
      return { contents: [{ uri, mimeType: json, text: JSON.stringify(shown) }] };
    });

  server.registerResource("status", "engram://status", status, (uri, context) =>
    read(uri.href, context, async (client) => showStatus(await client.status())),
  );
  server.registerResource("namespaces", "engram://namespaces", namespaces, (uri, context) =>
    read(uri.href, context, async (client) => {
      const all = await client.namespaces();
      return { namespaces: all.filter(({ name }) => pinned === undefined || name === pinned).map(showNamespace) };
    }),
  );
  // Memories are not listed: there may be millions, and engram_list pages through them.
  const template = new ResourceTemplate(memoryTemplate, { list: undefined });
  server.registerResource("memory", template, memory, (uri, { id }, context) =>
    read(uri.href, context, async (client) => {
      if (typeof id !== "string" || !isMemoryIdPrefix(id)) throw new ResourceNotFoundError(uri.href);
      const { items } = await getInScope(client, [id], pinned === undefined ? {} : { pinned });
      const [found] = items;
      if (!found) throw new ResourceNotFoundError(uri.href);
      return { ...showMemory(found, "full", shared.deps.now()), untrusted: untrustedNote };
    }),
  );
}
