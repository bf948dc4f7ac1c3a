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
import { showSubmission } from "./present-submission.ts";
import { publicFailure } from "./protocol-failure.ts";
import { getInScope } from "./scope.ts";
import { callerOf, type Shared } from "./shared.ts";
import { readIntelligence } from "./tools/intelligence.ts";
import { showNamespace } from "./tools/namespaces.ts";
import { findSubmission } from "./tools/relay-status.ts";
import { relayPart, showStatus } from "./tools/status.ts";

export const memoryTemplate = "engram://memory/{id}";
export const relayTemplate = "engram://relay/{job}";

/** Newest items of the feed in its resource. */
const latestItems = 5;

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
const latest = {
  title: "Latest intelligence",
  description: "What validators agreed on and published last, checked here; untrusted data",
  mimeType: json,
  cacheHint,
};
const job = {
  title: "Relayed output",
  description: "One relay job: state, receipt, payment",
  mimeType: json,
  cacheHint,
};

/** What a client may pin or read beside the tools: status, namespaces, memories, relay jobs, the feed's newest. */
export function registerResources(server: McpServer, shared: Shared): void {
  const { namespace: pinned } = shared.options;
  const read = (uri: string, context: ServerContext, show: (client: MemoryClient) => Promise<unknown>) =>
    publicFailure(shared, async (): Promise<ReadResourceResult> => {
      const shown = await show(await shared.clients.of(callerOf(context)));
      return { contents: [{ uri, mimeType: json, text: JSON.stringify(shown) }] };
    });

  server.registerResource("status", "engram://status", status, (uri, context) =>
    read(uri.href, context, async (client) => ({
      ...showStatus(await client.status()),
      ...(await relayPart(shared.relaying.of(callerOf(context)))),
    })),
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
  registerRelayResources(server, shared);
}

function registerRelayResources(server: McpServer, shared: Shared): void {
  const read = (uri: string, show: () => Promise<unknown>) =>
    publicFailure(shared, async (): Promise<ReadResourceResult> => {
      return { contents: [{ uri, mimeType: json, text: JSON.stringify(await show()) }] };
    });

  server.registerResource("latest intelligence", "engram://intelligence/latest", latest, (uri, context) => {
    const reading = { relay: shared.relaying.of(callerOf(context)), signal: context.mcpReq.signal };
    return read(uri.href, () => readIntelligence({ limit: latestItems }, undefined, reading));
  });
  const template = new ResourceTemplate(relayTemplate, { list: undefined });
  server.registerResource("relay job", template, job, (uri, variables, context) =>
    read(uri.href, async () => {
      const asked = variables["job"];
      const relay = shared.relaying.of(callerOf(context));
      const found = typeof asked === "string" ? await findSubmission(asked, { relay }) : undefined;
      if (!found) throw new ResourceNotFoundError(uri.href);
      return showSubmission(found);
    }),
  );
}
